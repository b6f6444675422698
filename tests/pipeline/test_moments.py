"""Means, deviations and boundaries of what is there, in whatever batches it comes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.preparing.moments import Moment, Quantiles


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 40))
def test_moments_are_numpys_without_the_missing(seed: int, cut: int) -> None:
    random = np.random.default_rng(seed)
    numbers = random.normal([5.0, -1e4], [2.0, 10.0], (40, 2)).astype(np.float32)
    numbers[random.random((40, 2)) < 0.3] = np.nan
    combine = Moment(2)
    one = combine.add_input(combine.create_accumulator(), (numbers[:cut],))
    two = combine.add_input(combine.create_accumulator(), (numbers[cut:],))
    mean, std = combine.extract_output(combine.merge_accumulators([one, two]))
    exact = numbers.astype(np.float64)
    np.testing.assert_allclose(mean, np.nanmean(exact, axis=0), rtol=1e-6)
    np.testing.assert_allclose(std, np.nanstd(exact, axis=0), rtol=1e-6)


@pytest.mark.parametrize("values", [[7.0, 7.0], [7.0], [np.nan], []])
def test_a_number_that_does_not_vary_has_deviation_one(values: list[float]) -> None:
    combine = Moment(1)
    batch = np.array(values, np.float32).reshape(-1, 1)
    found = combine.extract_output(combine.add_input(combine.create_accumulator(), (batch,)))
    assert found.dtype == np.float32
    assert found.tolist() == [[7.0 if 7.0 in values else 0.0], [1.0]]


def test_boundaries_cut_into_equal_buckets() -> None:
    numbers = np.random.default_rng(1).permutation(10_000).astype(np.float32)
    combine = Quantiles(4)
    sketches = [
        combine.add_input(combine.create_accumulator(), (part,)) for part in np.split(numbers, 4)
    ]
    bounds = combine.extract_output(combine.merge_accumulators(sketches))
    np.testing.assert_allclose(bounds, [2500, 5000, 7500], atol=10)


def test_boundaries_rise_and_need_no_numbers() -> None:
    combine = Quantiles(10)
    same = combine.add_input(combine.create_accumulator(), (np.full(5, 3, np.float32),))
    assert combine.extract_output(same).tolist() == [3.0]
    assert combine.extract_output(combine.create_accumulator()).tolist() == []
