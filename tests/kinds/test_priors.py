"""What the train targets say, against formulas."""

from typing import Any

import numpy as np
import pytest
from tiny_data import floats, ints

from kinds.heads.any.metrics import TrainTargets
from kinds.heads.any.priors import Prior, balanced
from kinds.heads.binary.spec import Binary
from kinds.heads.classification.spec import Classification
from kinds.heads.count.metrics import deviance
from kinds.heads.count.spec import Counts
from kinds.heads.multilabel.spec import Multilabel
from kinds.heads.regression.spec import Regression
from pipeline.failures import Exit, Failure
from trainer.objective import prior_of

LABELS = ints([0, 0, 0, 1, -1, 2])
VALUES = ["a", "b"]


def described(head: Any, targets: np.ndarray, **columns: np.ndarray) -> Prior:
    weights = {"row.weight": np.ones(len(columns.get("t.count", targets)), np.float32)}
    outputs = {"classification": 3, "multilabel": 2}.get(head.kind, 1)
    columns = {"t": targets, **weights, **columns}
    return prior_of(head, TrainTargets("t", columns, outputs, VALUES))


def test_labels_start_at_their_log_prior() -> None:
    found = described(Classification(vocabulary="v"), LABELS)
    p = np.array([3, 1, 1]) / 5
    np.testing.assert_allclose(found.bias, np.log(p))
    np.testing.assert_allclose(found.constant_loss, -(p * np.log(p)).sum())
    np.testing.assert_allclose(found.share, 5 / 6)


def test_row_weights_count() -> None:
    weights = floats([1, 1, 1, 3, 1, 0])
    found = described(Classification(vocabulary="v"), LABELS, **{"row.weight": weights})
    np.testing.assert_allclose(found.bias[:2], np.log([3 / 6.5, 3 / 6.5]))
    np.testing.assert_allclose(found.share, 1.0)


def test_class_weights_by_value_and_balanced() -> None:
    by_value = described(Classification(vocabulary="v", class_weights={"b": 4.0}), LABELS)
    assert by_value.class_weights is not None
    assert by_value.class_weights.tolist() == [1.0, 4.0, 1.0]
    even = described(Classification(vocabulary="v", class_weights="balanced"), LABELS)
    np.testing.assert_allclose(even.bias, np.log([1 / 3] * 3))
    np.testing.assert_allclose(even.share, 5 / 6)
    assert balanced(np.array([3.0, 0.0])).tolist() == [1.0, 1.0]


def test_a_class_weight_for_an_unknown_value_is_refused() -> None:
    with pytest.raises(Failure, match="Received: z") as failed:
        described(Classification(vocabulary="v", class_weights={"z": 4.0}), LABELS)
    assert failed.value.exit_code == Exit.USAGE


def test_binary_starts_at_its_log_odds() -> None:
    found = described(Binary(), floats([1, 0, 0, np.nan]))
    np.testing.assert_allclose(found.bias, [np.log(1 / 2)])
    np.testing.assert_allclose(found.constant_loss, np.log(3) - 2 / 3 * np.log(2))
    np.testing.assert_allclose(found.share, 3 / 4)


def test_regression_starts_at_the_mean_and_loses_the_variance() -> None:
    found = described(Regression(), floats([1, 3, np.nan]))
    assert (found.bias.tolist(), found.constant_loss) == ([2.0], 1.0)


def test_counts_start_at_the_log_of_the_mean() -> None:
    targets = floats([0, 4, np.nan])
    found = described(Counts(), targets)
    np.testing.assert_allclose(found.bias, [np.log(2)])
    np.testing.assert_allclose(found.constant_loss, deviance(np.array([0, 4]), 2.0).mean())
    np.testing.assert_allclose(deviance(np.array([0.0]), 2.0), [4.0])


def test_label_sets_start_at_the_log_odds_of_each_label() -> None:
    sets = {"t.count": np.array([2, 1, 0, -1])}
    found = described(Multilabel(vocabulary="v"), ints([0, 1, 0]), **sets)
    p = np.array([2, 1]) / 3
    np.testing.assert_allclose(found.bias, np.log(p / (1 - p)))
    entropies = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    np.testing.assert_allclose(found.constant_loss, entropies.sum())
    np.testing.assert_allclose(found.share, 3 / 4)


def test_a_head_without_targets_is_refused() -> None:
    with pytest.raises(Failure, match=r"heads\.t") as failed:
        described(Regression(), floats([np.nan, np.nan]))
    assert failed.value.exit_code == Exit.USAGE
