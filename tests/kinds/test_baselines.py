"""Baselines against a slow count over plain Python lists."""

import numpy as np
import pytest
from tiny_data import floats, ints

from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.classification.metrics import LabelsGiven, best_labels, count_pairs, labels_given
from kinds.heads.metrics import KINDS

CLASSES, VALUES = 30, 7
labels, yes = KINDS["classification"].baselines, KINDS["binary"].baselines


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    value = draw.integers(VALUES, size=rows)
    label = np.where(draw.random(rows) < 0.6, value * 3, draw.integers(-1, CLASSES, size=rows))
    return {
        "value": ints(value),
        "noise": ints(draw.integers(5, size=rows)),
        "label": ints(label),
        "yes": np.where(label < 0, np.nan, value % 2).astype(np.float32),
        "row.weight": draw.choice([0.5, 1.0, 2.0], size=rows).astype(np.float32),
    }


def slow_probabilities(train: dict[str, np.ndarray], value: int, strength: float) -> np.ndarray:
    prior, given = np.zeros(CLASSES), np.zeros(CLASSES)
    for v, label, weight in zip(train["value"], train["label"], train["row.weight"], strict=True):
        if label >= 0:
            prior[label] += weight
            given[label] += weight * (v == value)
    prior[prior == 0] = 0.5
    return np.asarray((given + strength * prior / prior.sum()) / (given.sum() + strength))


def model_of(train: dict[str, np.ndarray], strength: float) -> LabelsGiven:
    known = train["label"] >= 0
    counts = np.bincount(train["label"][known], train["row.weight"][known], CLASSES)
    pairs = count_pairs(train["value"], train["label"], train["row.weight"], CLASSES)
    return LabelsGiven(pairs, counts, strength)


@pytest.mark.parametrize("strength", [1.0, 40.0])
def test_labels_given_a_value_equal_a_slow_count(strength: float) -> None:
    train, held_out = columns(300, 0), columns(40, 1)
    loss, rank = labels_given(model_of(train, strength), held_out["value"], held_out["label"])
    for i in np.flatnonzero(held_out["label"] >= 0):
        p = slow_probabilities(train, held_out["value"][i], strength)
        label = held_out["label"][i]
        assert loss[i] == pytest.approx(-np.log(p[label]))
        better = (p[:-1] > p[label] + 1e-12).sum()
        if label == CLASSES - 1 or better >= 10:
            assert rank[i] == np.inf
        elif (np.abs(p - p[label]) < 1e-12).sum() == 1:
            assert rank[i] == better + 1


def test_the_best_labels_do_not_repeat_and_never_are_other_values() -> None:
    best = best_labels(model_of(columns(300, 0), 5.0), VALUES + 1)
    for row in best:
        assert len(set(row.tolist())) == 10
        assert CLASSES - 1 not in row


def test_the_strongest_input_is_found_and_beats_the_constant() -> None:
    train, held_out = columns(500, 0), {"eval": columns(200, 1), "test": columns(100, 2)}
    found = labels(TrainTargets("label", train, CLASSES), held_out, ["noise", "value"], Scale())
    assert found.given == "value"
    assert set(found.strongest) == {"eval", "test"}
    assert found.strongest["test"].metrics["log_loss"] < found.constant["test"].metrics["log_loss"]
    assert found.strongest["test"].metrics["accuracy@1"] > 0.5


def test_without_inputs_only_the_constant_is_left() -> None:
    train = TrainTargets("label", columns(50, 0), CLASSES)
    found = labels(train, {"eval": columns(20, 1)}, [], Scale())
    assert (found.given, found.strongest) == (None, {})


def test_a_split_without_targets_has_no_metrics() -> None:
    nothing = columns(20, 1) | {"label": np.full(20, -1, np.int32)}
    train = TrainTargets("label", columns(50, 0), CLASSES)
    found = labels(train, {"eval": nothing}, ["value"], Scale())
    assert (found.given, found.constant["eval"].metrics) == (None, {})


def test_a_binary_head_is_judged_against_its_rate() -> None:
    train, held_out = columns(500, 0), {"eval": columns(200, 1)}
    found = yes(TrainTargets("yes", train, 1), held_out, ["noise", "value"], Scale())
    known = ~np.isnan(train["yes"])
    rate = np.average(train["yes"][known], weights=train["row.weight"][known])
    there = ~np.isnan(held_out["eval"]["yes"])
    y, w = held_out["eval"]["yes"][there], held_out["eval"]["row.weight"][there]
    expected = np.average(-np.log(np.where(y > 0, rate, 1 - rate)), weights=w)
    assert found.constant["eval"].metrics["log_loss"] == pytest.approx(expected)
    assert found.given == "value"
    assert found.strongest["eval"].metrics["accuracy"] == 1.0


def test_a_regression_is_judged_in_its_own_unit() -> None:
    train = {"x": ints([0, 1]), "y": floats([-1, 1]), "row.weight": np.ones(2, np.float32)}
    scale, split = Scale(5.0, 3.0), {"eval": train}
    found = KINDS["regression"].baselines(TrainTargets("y", train, 1), split, ["x"], scale)
    assert found.constant["eval"].metrics["mean_absolute_error"] == 3.0
    assert found.strongest["eval"].metrics["mean_absolute_error"] == pytest.approx(1.5)


def test_label_sets_are_judged_against_the_share_of_each_label() -> None:
    # Four rows with the labels {0, 1}, {0}, {} and a missing set; then {1} and {0, 2}.
    train = {"t": ints([0, 1, 0]), "t.count": ints([2, 1, 0, -1]), "row.weight": floats([1] * 4)}
    held_out = {"t": ints([1, 0, 2]), "t.count": ints([1, 2]), "row.weight": floats([1, 3])}
    made = KINDS["multilabel"].baselines(
        TrainTargets("t", train, 3), {"eval": held_out}, [], Scale()
    )
    found = made.constant["eval"].metrics
    p = np.array([2 / 3, 1 / 3, 1 / 6])
    yes = np.array([[0, 1, 0], [1, 0, 1]])
    losses = -(yes * np.log(p) + (1 - yes) * np.log(1 - p)).sum(axis=1)
    assert found["log_loss"] == pytest.approx(np.average(losses, weights=[1, 3]))
    assert found["precision@1"] == pytest.approx(3 / 4)
    assert found["recall@1"] == pytest.approx(3 / 4 * 1 / 2)
    assert found["recall@5"] == 1.0


def test_a_baseline_has_the_interval_of_a_model_that_predicts_the_same() -> None:
    """By the normal distribution: 2,000 rows of which half are yes, a constant of a quarter."""
    train = {"x": ints([0] * 4), "y": floats([1, 0, 0, 0]), "row.weight": floats([1] * 4)}
    held_out = {"x": ints([0] * 2000), "y": floats([0, 1] * 1000), "row.weight": floats([1] * 2000)}
    found = yes(TrainTargets("y", train, 1), {"eval": held_out}, [], Scale())
    low, high = found.intervals()["constant"]["eval"]["log_loss"]
    losses = -np.log([0.25, 0.75])
    error = losses.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx(losses.mean() + 1.96 * error * np.array([-1, 1]), rel=0.02)
    assert found.intervals()["strongest_input"] == {}
