"""Metrics against counting by hand."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import floats

from trainer.judgement.metrics import (
    area_under_curve,
    binary_metrics,
    count_metrics,
    label_metrics,
    label_results,
    label_set_metrics,
    label_set_results,
    number_metrics,
    summarise,
)
from trainer.network import Scale


def test_ranks_leave_the_class_of_other_values_out() -> None:
    z = tf.constant([[1.0, 3.0, 2.0, 9.0], [5.0, 5.0, 5.0, 5.0], [4.0, 0.0, 0.0, 1.0]])
    loss, rank = label_results(z, tf.constant([0, 1, 3]))
    assert rank.numpy().tolist() == [3.0, 2.0, np.inf]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[[0, 1, 2], [0, 1, 3]]), rtol=1e-5)


def test_accuracy_and_reciprocal_rank_are_weighted() -> None:
    found = label_metrics(np.zeros(3), np.array([1.0, 2.0, np.inf]), np.array([1.0, 2.0, 1.0]))
    assert (found["accuracy@1"], found["accuracy@5"]) == (0.25, 0.75)
    assert found["mean_reciprocal_rank"] == (1 + 2 * 0.5) / 4


def test_label_sets_are_measured_at_the_cuts() -> None:
    z = tf.constant([[4.0, 3.0, 2.0, 1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]])
    labels = tf.constant([[0, 5], [-2, -2]])
    results = {n: v.numpy().astype(float) for n, v in label_set_results(z, labels).items()}
    results |= {"loss": np.array([1.0, 3.0]), "weight": np.ones(2)}
    found = label_set_metrics(results)
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


def test_one_class_alone_says_nothing() -> None:
    assert area_under_curve(np.arange(3.0), np.ones(3), np.ones(3)) == 0.5


def test_binary_counts_and_numbers() -> None:
    found = binary_metrics(np.array([0.0, 2.0]), np.array([0.0, 1.0]), np.ones(2))
    assert found["log_loss"] == pytest.approx((np.log(2) + np.log1p(np.exp(-2))) / 2)
    assert found["accuracy"] == 1.0
    found = number_metrics(np.array([1.0, 3.0]), np.array([2.0, 0.0]), np.array([3.0, 1.0]))
    assert found["mean_absolute_error"] == 1.5
    assert found["root_mean_squared_error"] == pytest.approx(3**0.5)
    found = count_metrics(np.array([2.0]), np.array([0.0]), np.ones(1))
    assert found == {"mean_absolute_error": 2.0, "deviance": 4.0}


def test_regression_is_measured_in_its_own_unit_without_missing_targets() -> None:
    results = {
        "value": floats([1.0, 0.0]),
        "target": floats([0.0, 0.0]),
        "loss": floats([1.0, 0.0]),
        "weight": floats([1.0, 0.0]),
    }
    found = summarise("regression", results, Scale(10.0, 2.0))
    assert (found["targets"], found["mean_absolute_error"]) == (1, 2.0)
    log = summarise("regression", results, Scale(0.0, 1.0, log=True))
    assert log["mean_absolute_error"] == pytest.approx(np.e - 1)


def test_no_targets_is_no_error() -> None:
    nothing = {"value": np.ones(2), "target": np.ones(2), "loss": np.ones(2), "weight": np.zeros(2)}
    assert summarise("binary", nothing, Scale()) == {"targets": 0}
