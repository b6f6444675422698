"""A classification in a file that is scored: probabilities over all labels, by a softmax."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.differences import Array
from kinds.heads.evidence import Evidence, among_all
from kinds.heads.labels.score import columns as columns
from kinds.heads.labels.score import difference_of, tensors_of
from kinds.heads.labels.score import in_log_odds as in_log_odds
from kinds.heads.labels.score import middle as middle
from kinds.heads.labels.score import ranks as ranks
from kinds.tensors import Tensor

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return tensors_of(head, "ids")


def leaning(head: "FileHead", said: Evidence) -> Array:
    return among_all(said)


def has_several() -> bool:
    return False


def score_alone() -> None:
    return None


def _softmax(logits: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


difference = difference_of(_softmax)
