"""What the train targets say before anything is learned: where output biases start, what a constant
prediction loses, how much a row counts. NumPy only.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinds.heads.any.metrics import Array
from pipeline.failures import Exit, Failure

# A class that never occurs in train counts as half a row, so that its logarithm is finite.
ROWS_OF_NO_ROWS = 0.5
# A sum of weights is divided by at least this, so that nothing is divided by 0.
LEAST = 1e-300


@dataclass(frozen=True)
class Prior:
    """One head's targets in train.

    bias: [outputs], the best constant prediction
    constant_loss: the mean loss of that prediction
    share: the mean weight of a row, with 0 for a missing target
    class_weights: [classes], or None where all are 1
    """

    bias: Array
    constant_loss: float
    share: float
    class_weights: Array | None = None


def distribution(counts: Array) -> Array:
    """Counts to probabilities, none of them 0.

    >>> distribution(np.array([3.0, 0.0])).round(3).tolist()
    [0.857, 0.143]
    """
    counts = np.where(counts > 0, counts, ROWS_OF_NO_ROWS)
    return np.asarray(counts / counts.sum())


def label_prior(
    labels: Array,
    weights: Array,
    classes: int,
    class_weights: Mapping[Any, float] | str | None,
    values: Sequence[str],
) -> Prior:
    """Of one label a row, negative where it is missing; `class_weights` as the spec has them."""
    known = labels >= 0
    counts = np.bincount(labels[known], weights[known], classes)
    by_class = _class_weights(class_weights, counts, values)
    weighted = counts if by_class is None else counts * by_class
    bias = np.log(distribution(weighted))
    return Prior(bias, _entropy(weighted), weighted.sum() / len(labels), by_class)


def _entropy(counts: Array) -> float:
    """In nats, of the distribution that the counts have."""
    some = counts[counts > 0] / max(counts.sum(), LEAST)
    return float(-(some * np.log(some)).sum())


def _class_weights(
    class_weights: Mapping[Any, float] | str | None, counts: Array, values: Sequence[str]
) -> Array | None:
    if class_weights is None:
        return None
    if isinstance(class_weights, str):
        return balanced(counts)
    if unknown := sorted(set(class_weights) - set(values)):
        rule = "class_weights must name values of the head's vocabulary"
        raise Failure(Exit.USAGE, rule, received=unknown[0])
    weights = np.ones(len(counts))
    weights[: len(values)] = [class_weights.get(value, 1.0) for value in values]
    return weights


def read_weights(
    class_weights: Mapping[str, float] | str | None, reading: str
) -> Mapping[str, float] | str | None:
    """The weights by the texts that a vocabulary of values has: true for True, 8 for 8.0."""
    if reading == "words" or class_weights is None or isinstance(class_weights, str):
        return class_weights
    read = {_value(label): weight for label, weight in class_weights.items()}
    if len(read) < len(class_weights):
        rule = "class_weights must not name a label twice: read as values they do"
        raise Failure(Exit.USAGE, rule, received=[*class_weights])
    return read


def _value(label: str) -> str:
    """As kinds.columns.readings has it, which takes Arrow. A time must be named by its own text."""
    if label in ("True", "TRUE", "False", "FALSE"):
        return label.lower()
    if not re.fullmatch(r"-?(0|[1-9][0-9]*)\.0", label):
        return label
    return "0" if label == "-0.0" else label[:-2]


def balanced(counts: Array) -> Array:
    """Weights under which all classes that occur weigh the same, and a row weighs 1 on average."""
    occurring = np.count_nonzero(counts)
    weights = counts.sum() / np.maximum(counts * max(1, occurring), LEAST)
    return np.asarray(np.where(counts > 0, weights, 1.0))


def known_numbers(targets: Array, weights: Array) -> tuple[Array, Array, float]:
    """The targets that are not missing, their weights, and the mean weight of a row."""
    known = ~np.isnan(targets)
    share = float(weights[known].sum() / len(targets))
    return targets[known].astype(np.float64), weights[known], share
