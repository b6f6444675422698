"""Intervals of metrics: of groups, not of rows; as wide as theory has it; alike for two models."""

from collections.abc import Callable

import numpy as np
import pytest

from kinds.heads.any import intervals
from kinds.heads.any.intervals import (
    BUCKETS,
    FEWEST,
    GroupSums,
    RowValues,
    difference,
    row_values,
)
from kinds.heads.any.metrics import Array, area_under_curve, measured
from kinds.heads.metrics import KINDS


def sums_of(values: Array, groups: Array, weights: Array | None = None) -> GroupSums:
    """Of one metric that is a mean."""
    found, made = RowValues(), GroupSums()
    found.add_mean("loss", values, np.ones(len(values)) if weights is None else weights)
    made.add(found, groups % BUCKETS)
    return made


def binary_sums(logits: Array, target: Array, groups: Array) -> GroupSums:
    kind, made = KINDS["binary"], GroupSums()
    rows = {"value": logits, "target": target}
    made.add(row_values(kind.add, kind.confidence, rows, np.ones(len(target)), {}), groups)
    return made


def share_that_holds(
    truth: float, draw: Callable[[np.random.Generator], GroupSums], times: int = 300
) -> float:
    held = 0
    for seed in range(times):
        low, high = draw(np.random.default_rng(seed)).intervals()["loss"]
        held += low <= truth <= high
    return held / times


@pytest.mark.parametrize("groups", [12, 100])
def test_an_interval_holds_the_truth_as_often_as_it_says(groups: int) -> None:
    def draw(generator: np.random.Generator) -> GroupSums:
        of = np.repeat(np.arange(groups), 8)
        common = generator.normal(0, 1, groups)[of]
        return sums_of(3 + common + generator.normal(0, 1, len(of)), of)

    # Of 300 shares of .95 the standard error is .0126.
    assert share_that_holds(3.0, draw) == pytest.approx(0.95, abs=0.035)


def test_rows_drawn_one_by_one_would_promise_too_much() -> None:
    def draw(generator: np.random.Generator) -> GroupSums:
        of = np.repeat(np.arange(60), 16)
        values = generator.normal(0, 1, 60)[of] + 0.1 * generator.normal(0, 1, len(of))
        return sums_of(values, np.arange(len(of)))

    assert share_that_holds(0.0, draw, 60) < 0.6


def test_of_a_mean_it_is_student_s_interval() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = sums_of(values, np.arange(400)).intervals()["loss"]
    half = 1.966 * values.std(ddof=1) / np.sqrt(400)
    assert [low, high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.03)


def test_a_row_said_twice_in_its_group_says_no_more() -> None:
    values, groups = np.random.default_rng(2).normal(size=50), np.arange(50)
    once = sums_of(values, groups).intervals()["loss"]
    twice = sums_of(np.tile(values, 2), np.tile(groups, 2)).intervals()["loss"]
    assert once == pytest.approx(twice)
    heavy = sums_of(values, groups, np.full(50, 2.0)).intervals()["loss"]
    assert once == pytest.approx(heavy)


def test_the_metrics_of_all_groups_are_those_of_their_rows() -> None:
    draw = np.random.default_rng(3)
    logits, target = draw.normal(size=500), draw.integers(0, 2, 500).astype(float)
    found = binary_sums(logits, target, np.arange(500) % 90).metrics()
    expected = measured(KINDS["binary"].add, {"value": logits, "target": target}, np.ones(500))
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["auc"] == pytest.approx(area_under_curve(logits, target, np.ones(500)))


def test_an_area_under_the_curve_spreads_as_delong_says() -> None:
    draw = np.random.default_rng(4)
    target = (np.arange(600) % 3 == 0).astype(float)
    logits = draw.normal(target, 1)
    yes, no = logits[target > 0], logits[target == 0]
    right = (yes[:, None] > no).mean(axis=1), (yes[:, None] > no).mean(axis=0)
    error = np.sqrt(right[0].var(ddof=1) / len(yes) + right[1].var(ddof=1) / len(no))
    low, high = binary_sums(logits, target, np.arange(600)).intervals()["auc"]
    assert (high - low) / (2 * 1.96) == pytest.approx(error, rel=0.08)


def test_no_area_is_beyond_one() -> None:
    """Of few rows, one of which stands where none of its class does."""
    target = (np.arange(24) > 9).astype(float)
    logits = np.where(np.arange(24) == 2, 20.0, np.arange(24))
    low, high = binary_sums(logits, target, np.arange(24)).intervals()["auc"]
    assert low < 0.9 and high == 1.0


def test_the_sums_of_slices_are_those_of_all_rows() -> None:
    draw = np.random.default_rng(5)
    values, groups, slices = draw.normal(size=300), np.arange(300), draw.integers(-1, 3, 300)
    found, made = RowValues(), GroupSums(3)
    found.add_mean("loss", values, np.ones(300))
    made.add(found, groups, slices)
    for at in range(3):
        assert made.metrics(at)["loss"] == pytest.approx(values[slices == at].mean())
        alone = sums_of(values[slices == at], groups[slices == at])
        assert made.intervals(at)["loss"] == pytest.approx(alone.intervals()["loss"])


def test_two_models_are_drawn_alike() -> None:
    """What makes rows hard for both is no part of the difference."""
    draw, groups = np.random.default_rng(6), np.arange(800)
    hard, gain = draw.normal(0, 5, 800), draw.normal(-0.2, 0.5, 800)
    one, other = sums_of(hard + gain, groups), sums_of(hard, groups)
    value, (low, high) = difference(one, other)["loss"]
    assert value == pytest.approx(gain.mean())
    half = 1.963 * gain.std(ddof=1) / np.sqrt(800)
    assert [low, high] == pytest.approx([value - half, value + half], abs=0.01)
    assert difference(one, one)["loss"] == (0.0, (0.0, 0.0))


def test_few_groups_and_equal_rows_have_no_interval() -> None:
    draw = np.random.default_rng(7)
    assert not sums_of(draw.normal(size=90), np.arange(90) % (FEWEST - 1)).intervals()
    assert not sums_of(np.ones(90), np.arange(90)).intervals()


def test_the_noise_of_a_calibration_error_does_not_hide_that_it_is_none() -> None:
    """A model that is as sure as it is right has an error of 0; noise makes each draw greater."""
    draw, held = np.random.default_rng(8), 0
    for _ in range(20):
        logits = draw.normal(size=400)
        target = (draw.random(400) < 1 / (1 + np.exp(-logits))).astype(float)
        found = binary_sums(logits, target, np.arange(400))
        held += found.intervals()[intervals.CALIBRATION][0] < 0.02
    assert held > 14
