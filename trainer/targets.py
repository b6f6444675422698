"""What the train targets say before anything is learned: where a head's output bias starts, what a
constant predictor loses, and how much a row of the head counts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinds.heads.binary.spec import Binary
from kinds.heads.classification.spec import Classification
from kinds.heads.count.spec import Counts
from kinds.heads.multilabel.spec import Multilabel
from kinds.heads.regression.spec import Regression
from pipeline.failures import Exit, Failure
from pipeline.spec import Head

# A class that never occurs in train counts as half a row, so that its logarithm is finite.
ROWS_OF_NO_ROWS = 0.5
SMALLEST_LOSS = 1e-3


@dataclass(frozen=True)
class Target:
    """One head's targets in train.

    bias: [classes], the best constant prediction
    constant_loss: the mean loss of that prediction
    share: the mean weight of a row, with 0 for a missing target
    class_weights: [classes], or None where all are 1
    """

    bias: np.ndarray
    constant_loss: float
    share: float
    class_weights: np.ndarray | None = None


def describe_target(
    name: str,
    head: Head,
    columns: Mapping[str, np.ndarray],
    *,
    classes: int,
    values: Sequence[str],
    reading: str = "words",
) -> Target:
    """`columns` are the train columns of `data.collect`, `values` those of the head's vocabulary,
    for which cells, and labels in the spec, are read by `reading`.

    Raises Failure with exit code 2 where no train row has a target.
    """
    weights = columns["row.weight"].astype(np.float64)
    match head:
        case Classification():
            said = _read(head.class_weights, reading)
            target = _labels(columns[name], weights, classes, said, values)
        case Multilabel():
            target = _label_sets(columns[name], columns[f"{name}.count"], weights, classes)
        case Binary():
            target = _binary(columns[name], weights, head.class_weights)
        case Regression():
            target = _number(columns[name], weights)
        case Counts():
            target = _count(columns[name], weights)
    if not target.share > 0:
        rule = f"heads.{name}: some row of the train split must have a target (and a weight)"
        raise Failure(Exit.USAGE, rule, received="none")
    return target


def distribution(counts: np.ndarray) -> np.ndarray:
    """Counts to probabilities, none of them 0.

    >>> distribution(np.array([3.0, 0.0])).round(3).tolist()
    [0.857, 0.143]
    """
    counts = np.where(counts > 0, counts, ROWS_OF_NO_ROWS)
    return np.asarray(counts / counts.sum())


def entropy(counts: np.ndarray) -> float:
    """In nats, of the distribution that the counts have."""
    some = counts[counts > 0] / max(counts.sum(), 1e-300)
    return float(-(some * np.log(some)).sum())


def balanced(counts: np.ndarray) -> np.ndarray:
    """Weights under which all classes that occur weigh the same, and a row weighs 1 on average."""
    occurring = np.count_nonzero(counts)
    weights = counts.sum() / np.maximum(counts * max(1, occurring), 1e-300)
    return np.asarray(np.where(counts > 0, weights, 1.0))


def _read(said: Mapping[str, float] | str | None, reading: str) -> Mapping[str, float] | str | None:
    """The weights by the texts that a vocabulary of values has: true for True, 8 for 8.0."""
    if reading == "words" or said is None or isinstance(said, str):
        return said
    read = {_value(label): weight for label, weight in said.items()}
    if len(read) < len(said):
        rule = "class_weights must not name a label twice: read as values they do"
        raise Failure(Exit.USAGE, rule, received=[*said])
    return read


def _value(label: str) -> str:
    """As kinds.columns.readings has it, which takes Arrow. A time must be named by its own text."""
    if label in ("True", "TRUE", "False", "FALSE"):
        return label.lower()
    return label[:-2] if re.fullmatch(r"-?(0|[1-9][0-9]*)\.0", label) else label


def _class_weights(
    said: Mapping[str, float] | str | None, counts: np.ndarray, values: Sequence[str]
) -> np.ndarray | None:
    if said is None:
        return None
    if isinstance(said, str):
        return balanced(counts)
    if unknown := sorted(set(said) - set(values)):
        rule = "class_weights must name values of the head's vocabulary"
        raise Failure(Exit.USAGE, rule, received=unknown[0])
    weights = np.ones(len(counts))
    weights[: len(values)] = [said.get(value, 1.0) for value in values]
    return weights


def _labels(
    labels: np.ndarray,
    weights: np.ndarray,
    classes: int,
    said: Mapping[str, float] | str | None,
    values: Sequence[str],
) -> Target:
    known = labels >= 0
    counts = np.bincount(labels[known], weights[known], classes)
    by_class = _class_weights(said, counts, values)
    weighted = counts if by_class is None else counts * by_class
    bias = np.log(distribution(weighted))
    return Target(bias, entropy(weighted), weighted.sum() / len(labels), by_class)


def _label_sets(labels: np.ndarray, count: np.ndarray, weights: np.ndarray, classes: int) -> Target:
    known = count >= 0
    total = weights[known].sum()
    yes = np.bincount(labels, np.repeat(weights[known], count[known]), classes)
    share = np.clip(yes / max(total, 1e-300), _half(total), 1 - _half(total))
    lost = -(share * np.log(share) + (1 - share) * np.log1p(-share)).sum()
    return Target(np.log(share) - np.log1p(-share), float(lost), total / len(count))


def _half(total: float) -> float:
    return min(0.5, ROWS_OF_NO_ROWS / max(total, 1.0))


def _binary(
    targets: np.ndarray, weights: np.ndarray, said: Mapping[Any, float] | str | None
) -> Target:
    labels = np.where(np.isnan(targets), -1, targets).astype(np.int32)
    both = _labels(labels, weights, 2, said, ("0", "1"))
    return Target(np.diff(both.bias), both.constant_loss, both.share, both.class_weights)


def _number(targets: np.ndarray, weights: np.ndarray) -> Target:
    values, weights, share = _known(targets, weights)
    mean = (values * weights).sum() / max(weights.sum(), 1e-300)
    lost = (weights * (values - mean) ** 2).sum() / max(weights.sum(), 1e-300)
    return Target(np.array([mean]), float(lost), share)


def _count(targets: np.ndarray, weights: np.ndarray) -> Target:
    values, weights, share = _known(targets, weights)
    total = max(weights.sum(), 1e-300)
    rate = max((values * weights).sum(), ROWS_OF_NO_ROWS) / total
    return Target(
        np.array([np.log(rate)]), float((weights * deviance(values, rate)).sum() / total), share
    )


def deviance(counts: np.ndarray, rates: np.ndarray | float) -> np.ndarray:
    """Poisson deviance of each row."""
    ratio = np.where(counts > 0, counts, 1.0) / np.maximum(rates, 1e-300)
    return 2 * (np.where(counts > 0, counts * np.log(ratio), 0.0) - (counts - rates))


def _known(targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    known = ~np.isnan(targets)
    share = float(weights[known].sum() / len(targets))
    return targets[known].astype(np.float64), weights[known], share
