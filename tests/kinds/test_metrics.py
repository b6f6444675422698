"""Metrics against counting by hand."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import floats

from kinds.heads.any.metrics import (
    Metrics,
    Scale,
    Totals,
    area_under_curve,
    binned,
    binned_area_under_curve,
    measured,
)
from kinds.heads.binary.spec import Binary
from kinds.heads.classification.network import loss_and_rank
from kinds.heads.metrics import KINDS
from kinds.heads.multilabel.network import hits_and_labels
from kinds.heads.regression.spec import Regression
from kinds.heads.spec import CLASSES
from trainer.evaluation import summarise


def metrics(kind: str, weight: np.ndarray, **rows: np.ndarray) -> Metrics:
    return measured(KINDS[kind].add, rows, weight)


def test_ranks_leave_the_class_of_other_values_out() -> None:
    z = tf.constant([[1.0, 3.0, 2.0, 9.0], [5.0, 5.0, 5.0, 5.0], [4.0, 0.0, 0.0, 1.0]])
    loss, rank = loss_and_rank(z, tf.constant([0, 1, 3]))
    assert rank.numpy().tolist() == [3.0, 2.0, np.inf]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[[0, 1, 2], [0, 1, 3]]), rtol=1e-5)


def test_accuracy_and_reciprocal_rank_are_weighted() -> None:
    rank, weight = np.array([1.0, 2.0, np.inf]), np.array([1.0, 2.0, 1.0])
    found = metrics("classification", weight, loss=np.zeros(3), rank=rank)
    assert (found["accuracy@1"], found["accuracy@5"]) == (0.25, 0.75)
    assert found["mean_reciprocal_rank"] == (1 + 2 * 0.5) / 4


def test_ndcg_is_the_gain_of_each_rank_over_that_of_the_best_order() -> None:
    rank, weight = np.array([1.0, 3.0, 7.0, np.inf]), np.array([1.0, 2.0, 4.0, 1.0])
    found = metrics("classification", weight, loss=np.zeros(4), rank=rank)
    gain = 1 / np.log2(1 + np.array([1.0, 3.0, 7.0]))
    assert found["ndcg@5"] == pytest.approx((gain[0] + 2 * gain[1]) / 8)
    assert found["ndcg@10"] == pytest.approx((gain[0] + 2 * gain[1] + 4 * gain[2]) / 8)
    hits = np.array([[0, 1, 0, 0, 0, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0, 0, 0.0]])
    found = metrics(
        "multilabel", np.array([1.0, 3.0]), loss=np.zeros(2), hits=hits, labels=np.array([12, 3])
    )
    ranks = 1 / np.log2(1 + np.arange(1.0, 11))
    first = {5: ranks[1] / ranks[:5].sum(), 10: (ranks[1] + ranks[5]) / ranks.sum()}
    for cut, value in first.items():
        assert found[f"ndcg@{cut}"] == pytest.approx((value + 3 * 1) / 4)


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_are_judged_by_metrics_that_there_are(kind: str) -> None:
    (part,) = (one for one in CLASSES if one.model_fields["kind"].default == kind)
    rows = {
        "loss": np.ones(2), "rank": np.ones(2), "hits": np.ones((2, 10)), "labels": np.ones(2),
        "filtered_rank": np.ones(2),
        "value": np.ones(2) if kind != "quantile" else np.ones((2, 3)),
        "target": np.array([0.0, 1.0]),
    }  # fmt: skip
    settings = {"quantiles": [0.1, 0.5, 0.9]}
    found = measured(KINDS[kind].add, rows, np.ones(2), settings)
    assert part.METRICS
    assert set(part.METRICS) <= set(found)


def test_label_sets_are_measured_at_the_cuts() -> None:
    z = tf.constant([[4.0, 3.0, 2.0, 1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    labels = tf.constant([[0, 5], [-2, -2]])
    results = {n: v.numpy().astype(float) for n, v in hits_and_labels(z, labels).items()}
    found = metrics("multilabel", np.ones(2), loss=np.array([1.0, 3.0]), **results)
    assert (found["precision@1"], found["recall@1"]) == (0.5, 0.5)
    assert (found["precision@5"], found["recall@5"], found["recall@10"]) == (0.1, 0.5, 1.0)
    assert found["log_loss"] == 2.0


def test_the_area_under_the_curve_counts_pairs() -> None:
    draw = np.random.default_rng(0)
    score = draw.integers(4, size=30).astype(float)
    target, weight = draw.integers(2, size=30).astype(float), draw.random(30)
    pairs = [
        (weight[i] * weight[j], (score[i] > score[j]) + 0.5 * (score[i] == score[j]))
        for i in np.flatnonzero(target)
        for j in np.flatnonzero(1 - target)
    ]
    expected = sum(w * won for w, won in pairs) / sum(w for w, _ in pairs)
    assert area_under_curve(score, target, weight) == pytest.approx(expected)


def test_scores_that_are_too_many_are_binned_under_another_name() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(size=300)
    target, weight = draw.integers(2, size=300).astype(float), draw.random(300)
    exact, few = Totals(), Totals(scores_kept=250)
    for part in np.split(np.arange(300), 3):
        for totals in (exact, few):
            totals.add_scores(logits[part], target[part], weight[part])
    auc, found = exact.metrics()["auc"], few.metrics()
    assert auc == area_under_curve(logits, target, weight)
    assert "auc" not in found
    assert abs(found["auc_binned"] - auc) <= found["auc_error_at_most"] + 1e-12
    assert found["auc_error_at_most"] < 1e-3
    whole = binned(np.stack([logits, target, weight]))
    assert found["auc_binned"] == pytest.approx(binned_area_under_curve(*whole)["auc_binned"])


def test_one_class_alone_says_nothing() -> None:
    assert area_under_curve(np.arange(3.0), np.ones(3), np.ones(3)) == 0.5


def test_binary_counts_and_numbers() -> None:
    value, target = np.array([0.0, 2.0]), np.array([0.0, 1.0])
    found = metrics("binary", np.ones(2), value=value, target=target)
    assert found["log_loss"] == pytest.approx((np.log(2) + np.log1p(np.exp(-2))) / 2)
    assert found["accuracy"] == 1.0
    value, target = np.array([1.0, 3.0]), np.array([2.0, 0.0])
    found = metrics("regression", np.array([3.0, 1.0]), value=value, target=target)
    assert found["mean_absolute_error"] == 1.5
    assert found["root_mean_squared_error"] == pytest.approx(3**0.5)
    found = metrics("count", np.ones(1), value=np.array([2.0]), target=np.array([0.0]))
    assert found == {"targets": 1, "mean_absolute_error": 2.0, "deviance": 4.0}


def test_a_perfect_regression_has_no_error() -> None:
    found = metrics("regression", np.ones(2), value=np.ones(2), target=np.ones(2))
    assert found["root_mean_squared_error"] == 0.0


def test_regression_is_measured_in_its_own_unit_without_missing_targets() -> None:
    results = {
        "value": floats([1.0, 0.0]),
        "target": floats([0.0, 0.0]),
        "loss": floats([1.0, 0.0]),
        "weight": floats([1.0, 0.0]),
    }
    found = summarise(Regression(), results, Scale(10.0, 2.0))
    assert (found["targets"], found["mean_absolute_error"]) == (1, 2.0)
    log = summarise(Regression(), results, Scale(0.0, 1.0, log=True))
    assert log["mean_absolute_error"] == pytest.approx(np.e - 1)


def test_no_targets_is_no_error() -> None:
    nothing = {"value": np.ones(2), "target": np.ones(2), "loss": np.ones(2), "weight": np.zeros(2)}
    assert summarise(Binary(), nothing, Scale()) == {"targets": 0}


def test_a_head_is_narrowed_to_some_labels() -> None:
    """Of a softmax the others' probabilities go to the class of all other values; of sigmoids they
    are left out."""
    logits = np.log([[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]])
    narrowed = KINDS["classification"].narrowed(logits, np.array([2, 0]))
    assert np.exp(narrowed) == pytest.approx(np.array([[0.3, 0.1, 0.6], [0.2, 0.4, 0.4]]))
    assert KINDS["multilabel"].narrowed(logits, np.array([2, 0])).tolist() == (
        logits[:, [2, 0]].tolist()
    )
    every = KINDS["classification"].narrowed(logits, np.array([2, 1, 0]))
    assert np.exp(every)[0] == pytest.approx([0.3, 0.2, 0.1, 0.4])


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_a_head_is_one_of_its_metrics_and_falls_where_it_is_better(kind: str) -> None:
    name = KINDS[kind].loss()
    assert name in KINDS[kind].headlines()
    assert KINDS[kind].shortfall(name, 0.1) < KINDS[kind].shortfall(name, 0.2)
