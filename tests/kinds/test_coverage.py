"""Answers with a stated coverage hold the truth as often as asked; thresholds reach their aim."""

import json
import math
from typing import Any

import numpy as np
import pytest

from kinds.columns import Field
from kinds.heads.binary import coverage as binary
from kinds.heads.classification import coverage as classification
from kinds.heads.coverage import KINDS, Calibration, Shape, checked_limit
from kinds.heads.multilabel import metrics as multilabel
from kinds.heads.score import FileHead
from kinds.heads.slices import Slices
from pipeline.failures import Exit, Failure

Rows = dict[str, np.ndarray]


def head(kind: str, **settings: Any) -> FileHead:
    return FileHead("h", kind, Field("h", "number"), None, settings)


def test_the_limit_is_the_score_that_the_theorem_names() -> None:
    """ceil((n + 1) coverage)-th of n; of too few rows there is none."""
    nine = Calibration.of(np.arange(9.0), Shape())
    assert [nine.limit(c) for c in (0.5, 0.85, 0.9, 0.91)] == [4.0, 8.0, 8.0, math.inf]
    assert Calibration.of(np.arange(8.0), Shape()).limit(0.9) == math.inf


def test_of_many_rows_a_thousand_scores_are_kept_and_none_promises_too_much() -> None:
    scores = np.random.default_rng(1).random(50_000)
    kept, rising = Calibration.of(scores, Shape()), np.sort(scores)
    assert len(kept.scores) == 1001
    for coverage in (0.5, 0.8137, 0.9, 0.99):
        exact = rising[math.ceil(50_001 * coverage) - 1]
        assert exact <= kept.limit(coverage) <= exact + 0.0015


def test_a_calibration_is_the_same_after_json() -> None:
    made = Calibration.of(np.array([0.25, 0.5, math.inf]), Shape(0.01, log=True))
    assert Calibration.from_json(json.loads(json.dumps(made.content()))) == made


def test_more_than_can_be_had_is_refused() -> None:
    """A third of the truths are labels that no vocabulary holds."""
    made = Calibration.of(np.array([0.1, 0.2] * 50 + [math.inf] * 50), Shape())
    assert checked_limit(head("classification"), made, 0.6) == 0.2
    with pytest.raises(Failure, match=r"must be below 0\.66") as failure:
        checked_limit(head("classification"), made, 0.7)
    assert failure.value.exit_code == Exit.USAGE


def classified(draw: np.random.Generator, rows: int) -> tuple[Rows, np.ndarray]:
    """A model that is too sure; its falling probabilities."""
    logits = draw.normal(0, 1, (rows, 12))
    truth = (1.3 * logits + draw.gumbel(size=logits.shape)).argmax(axis=1)
    shares = np.exp(2 * logits)
    shares /= shares.sum(axis=1, keepdims=True)
    own = shares[np.arange(rows), truth][:, None]
    above = np.where(shares > own, shares, 0).sum(axis=1)
    rank = 1.0 + (shares > own).sum(axis=1)
    return {"above": above, "rank": rank}, -np.sort(-shares, axis=1)


def numbers(draw: np.random.Generator, rows: int) -> Rows:
    value = draw.normal(5, 3, rows)
    return {"value": value, "target": value + draw.standard_t(3, rows) * (1 + np.abs(value))}


def counted(draw: np.random.Generator, rows: int) -> Rows:
    rate = draw.gamma(2, 3, rows)
    return {"value": rate, "target": draw.negative_binomial(2, 2 / (2 + rate)).astype(float)}


def quantiles(draw: np.random.Generator, rows: int) -> Rows:
    """Those of a deviation of 1, where it is 2."""
    middle = draw.normal(0, 5, rows)
    value = middle[:, None] + np.array([-1.64, 0, 1.64])
    return {"value": value, "target": middle + 2 * draw.normal(size=rows)}


def labelled(draw: np.random.Generator, rows: int) -> Rows:
    """Six labels, of which a row has any number, with a model that is too sure."""
    logits = draw.normal(-0.5, 1.5, (rows, 6))
    owners, targets = np.nonzero(draw.random(logits.shape) < 1 / (1 + np.exp(-logits)))
    return dict(multilabel.rows(2 * logits, owners, targets))


def test_a_set_of_several_labels_holds_all_that_are_as_probable_as_the_least() -> None:
    """By hand: of the first row the least true label has .2, the second row has none."""
    logits = np.log(
        np.array([[0.9, 0.2, 0.4], [0.3, 0.1, 0.2]]) / [[0.1, 0.8, 0.6], [0.7, 0.9, 0.8]]
    )
    rows = multilabel.rows(logits, np.array([0, 0]), np.array([0, 1]))
    strange = KINDS["multilabel"].strangeness(rows, Shape())
    assert strange == pytest.approx([-math.log(0.2), -1.0])
    falling = -np.sort(-1 / (1 + np.exp(-logits)))
    for limit, expected in ((1.62, [3, 2]), (1.5, [2, 1]), (-1.0, [0, 0])):
        assert KINDS["multilabel"].sizes(falling, limit, Shape()).tolist() == expected


@pytest.mark.parametrize("coverage", [0.8, 0.95])
@pytest.mark.parametrize(
    ("kind", "rows", "shape"),
    [
        ("classification", lambda draw, n: classified(draw, n)[0], Shape()),
        ("classification", lambda draw, n: classified(draw, n)[0], Shape(0.05)),
        ("multilabel", labelled, Shape()),
        ("regression", numbers, Shape()),
        ("regression", numbers, Shape(log=True)),
        ("count", counted, Shape()),
        ("quantile", quantiles, Shape()),
    ],
)
def test_the_truth_is_among_the_answers_as_often_as_asked(
    kind: str, rows: Any, shape: Shape, coverage: float
) -> None:
    draw, count = np.random.default_rng(7), 4_000
    made_of = KINDS[kind].strangeness(rows(draw, count), shape)
    scores = KINDS[kind].strangeness(rows(draw, count), shape)
    assert made_of is not None and scores is not None
    held = np.mean(scores <= Calibration.of(made_of, shape).limit(coverage))
    error = math.sqrt(coverage * (1 - coverage) * 2 / count)
    assert held == pytest.approx(coverage, abs=2.5 * error)


@pytest.mark.parametrize("penalty", [0.0, 0.03])
def test_a_set_holds_the_labels_that_are_no_stranger_than_the_limit(penalty: float) -> None:
    _, falling = classified(np.random.default_rng(8), 200)
    sizes = classification.sizes(falling, 0.7, Shape(penalty))
    for row, size in zip(falling, sizes, strict=True):
        strange = [row[:at].sum() + penalty * max(at + 1 - 5, 0) for at in range(len(row))]
        assert size == sum(one <= 0.7 for one in strange)
    assert sizes.min() >= 1


@pytest.mark.parametrize(
    ("kind", "rows", "shape"),
    [
        ("regression", numbers, Shape()),
        ("regression", numbers, Shape(log=True)),
        ("count", counted, Shape()),
        ("quantile", quantiles, Shape()),
    ],
)
def test_an_interval_holds_the_numbers_that_are_no_stranger_than_the_limit(
    kind: str, rows: Any, shape: Shape
) -> None:
    some, of = rows(np.random.default_rng(9), 500), head(kind, quantiles=[0.05, 0.5, 0.95])
    found = {of.outputs[0]: some["value"]}
    low, high = KINDS[kind].answers(of, found, 0.8, shape).values()
    scores = KINDS[kind].strangeness(some, shape)
    assert scores is not None
    near = np.isclose(scores, 0.8, atol=1e-5)
    inside = (low <= some["target"]) & (some["target"] <= high)
    assert (inside == (scores <= 0.8))[~near].all()
    lengths = KINDS[kind].sizes(some["value"], 0.8, shape)
    assert lengths == pytest.approx(high - low, rel=1e-4, abs=1e-5)


def test_quantiles_that_were_too_wide_come_nearer() -> None:
    of = head("quantile", quantiles=[0.1, 0.9])
    found = {of.outputs[0]: np.array([[0.0, 10.0], [0.0, 1.0]])}
    low, high = KINDS["quantile"].answers(of, found, -2.0, Shape()).values()
    assert (low.tolist(), high.tolist()) == ([2.0, 0.5], [8.0, 0.5])


def yes_or_no(rows: int, seed: int = 3) -> tuple[Rows, np.ndarray]:
    draw = np.random.default_rng(seed)
    logits = draw.normal(-1, 1.5, rows).round(2)
    target = (draw.random(rows) < 1 / (1 + np.exp(-logits))).astype(float)
    return {"value": logits, "target": target}, draw.uniform(0.5, 2, rows)


@pytest.mark.parametrize("aim", ["f1", {"precision": 0.7}, {"recall": 0.8}])
def test_no_other_threshold_reaches_the_aim_better(aim: Any) -> None:
    rows, weights = yes_or_no(300)
    found = binary.threshold(rows, weights, aim)
    assert found is not None
    every = [
        binary.reached(rows, weights, one)
        for one in [found, *(1 / (1 + np.exp(-np.unique(rows["value"]) + 1e-6)))]
    ]
    own = every[0]
    if aim == "f1":
        assert own["f1"] == max(one["f1"] for one in every)
    else:
        [(what, least)] = aim.items()
        other = {"precision": "recall", "recall": "precision"}[what]
        assert own[what] >= least
        assert own[other] == max(one[other] for one in every if one[what] >= least)


def test_an_aim_that_no_threshold_reaches_has_none() -> None:
    rows = {"value": np.array([3.0, 2.0, 1.0]), "target": np.array([0.0, 0.0, 1.0])}
    assert binary.threshold(rows, np.ones(3), {"precision": 0.9}) is None
    assert binary.threshold({**rows, "target": np.zeros(3)}, np.ones(3), "f1") is None


def test_values_with_few_rows_are_taken_together_and_too_few_have_the_whole() -> None:
    """100 rows of a, 99 of b and one of a value that is not known are 100 others; then 99."""
    ids, scores = np.array([0] * 100 + [1] * 99 + [2]), np.arange(200.0)
    whole = Calibration.of(scores, Shape())
    made = Slices.of("c", ["a", "b"], ids, scores, whole)
    assert [name for name, _ in made.calibrations()] == ["c = a", "c is another value"]
    asked = np.array([0, 1, 2, 3])
    # The ceil(101 / 2) = 51st of a hundred scores.
    assert made.limits(0.5, asked).tolist() == [50.0, 150.0, 150.0, 150.0]
    fewer = Slices.of("c", ["a", "b"], ids[:-1], scores[:-1], whole)
    assert fewer.limits(0.5, asked).tolist() == [50.0, *[whole.limit(0.5)] * 3]
    assert fewer.others is None and "it is not promised" in fewer.said()
    again = Slices.from_json(json.loads(json.dumps(made.content())), whole)
    assert again == made
