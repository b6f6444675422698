"""Distances are those of their definitions, whatever is kept of the values."""

import math

import numpy as np
import pyarrow as pa
import pytest

from pipeline.distributions import (
    COUNTED,
    TOP,
    bucket_counts,
    counted_masses,
    edges,
    jensen_shannon,
    l_infinity,
    masses,
    of_numbers,
    of_texts,
)
from pipeline.distributions.value_counts import ValueCounts, with_values


def _texts(values: list[str], missing: int = 0) -> dict[str, object]:
    return of_texts(with_values(ValueCounts(limit=COUNTED), pa.array(values)), len(values), missing)


def _numbers(values: np.ndarray, missing: int = 0) -> dict[str, object]:
    return of_numbers(np.quantile(values, np.arange(101) / 100).tolist(), len(values), missing)


def test_l_infinity_is_the_greatest_difference_of_shares() -> None:
    old = _texts(["a"] * 5 + ["b"] * 3 + ["c"] * 2)
    new = _texts(["a"] * 2 + ["b"] * 3 + ["new"] * 4, missing=1)
    for distance, value in (l_infinity(old, new), l_infinity(new, old)):
        assert (distance, value) == (0.4, "new")
    assert l_infinity(old, old)[0] == 0


def test_values_beyond_the_listed_ones_make_no_alarm() -> None:
    """A value that is not listed may be as frequent as the last that is."""
    many = [f"v{i:04d}" for i in range(10 * TOP)]
    old, new = _texts(many), _texts(many[::-1][: 5 * TOP] * 2)
    assert len(old["top"]) == TOP  # type: ignore[arg-type]
    assert l_infinity(old, new)[0] <= 0.002


def test_jensen_shannon_is_the_mean_of_two_divergences_to_the_middle() -> None:
    old, new = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])
    # By hand: KL(old || middle) = log2(0.5/0.375), KL(new || middle) = ...
    to_old = math.log2(0.5 / 0.375)
    to_new = 0.5 * math.log2(0.25 / 0.375) + 0.5 * math.log2(0.5 / 0.25)
    assert jensen_shannon(old, new) == pytest.approx((to_old + to_new) / 2)
    assert jensen_shannon(old, old) == 0


@pytest.mark.parametrize("kind", ["normal", "few", "one"])
def test_shares_from_percentiles_are_those_of_the_numbers(kind: str) -> None:
    random = np.random.default_rng(1)
    values = {
        "normal": random.normal(5, 2, 20_000),
        "few": random.choice([0.0, 1.0, 7.0], 20_000, p=[0.7, 0.2, 0.1]),
        "one": np.full(20_000, 3.0),
    }[kind]
    one = _numbers(values, missing=5_000)
    exact = counted_masses(bucket_counts(values, edges(one)), 5_000)
    kept = masses(one, edges(one))
    assert kept.sum() == pytest.approx(1) == exact.sum()
    assert kept[-1] == exact[-1] == 0.2
    np.testing.assert_allclose(kept, exact, atol=0.011)
    assert jensen_shannon(kept, exact) < 0.001


def test_a_shift_and_a_gap_are_seen_and_chance_is_not() -> None:
    random = np.random.default_rng(2)
    old = _numbers(random.normal(0, 1, 50_000))
    expected = masses(old, edges(old))

    def distance(values: np.ndarray, missing: int = 0) -> float:
        counts = bucket_counts(values, edges(old))
        return jensen_shannon(expected, counted_masses(counts, missing))

    assert distance(random.normal(0, 1, 5_000)) < 0.001
    assert distance(random.normal(0.5, 1, 5_000)) > 0.01
    assert distance(random.normal(0, 1, 5_000), missing=1_000) > 0.01
    # From kept percentiles to kept percentiles, as prepare compares two folders.
    again = _numbers(random.normal(0.5, 1, 5_000))
    assert jensen_shannon(expected, masses(again, edges(old))) > 0.01


def test_nothing_at_all_is_a_distribution_too() -> None:
    nothing = of_numbers([], 0, 10)
    assert masses(nothing, edges(nothing)).tolist() == [0.0, 1.0]
    empty = of_texts(ValueCounts(limit=COUNTED), 0, 0)
    assert l_infinity(empty, empty)[0] == 0
