"""A classification in a file that is scored: probabilities over all labels, by a softmax."""

from collections.abc import Mapping, Sequence
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
    return tensors_of(head, "ids")


def score_alone() -> None:
    return None


def difference(
    head: "FileHead",
    got: Mapping[str, Array],
    expected: Array,
    labels: Sequence[str],
    allowed: Array,
) -> Difference:
    scores = _softmax(expected.astype(np.float64))
    chosen, given = (got[column] for column in head.outputs)
    return label_difference(chosen, given, expected, scores, labels, allowed)


def _softmax(logits: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))
