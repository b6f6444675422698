"""A multilabel head in a file that is scored: each label has a probability of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kinds.differences import Array, Difference
from kinds.heads.labels.score import columns as columns
from kinds.heads.labels.score import label_difference, tensors_of
from kinds.heads.labels.score import ranks as ranks
from kinds.tensors import Tensor

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return tensors_of(head, "top/at")


def score_alone() -> Callable[[Array], Array]:
    return _logistic


def difference(
    head: "FileHead",
    got: Mapping[str, Array],
    expected: Array,
    labels: Sequence[str],
    allowed: Array,
) -> Difference:
    scores = _logistic(expected.astype(np.float64))
    chosen, given = (got[column] for column in head.outputs)
    return label_difference(chosen, given, expected, scores, labels, allowed)


def _logistic(logits: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)))
