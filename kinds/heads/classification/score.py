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

SOFTMAX_NUMBERS = 1 << 18


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return tensors_of(head, "ids")


def leaning(head: "FileHead", said: Evidence) -> Array:
    return among_all(said)


def has_several() -> bool:
    return False


def score_alone() -> None:
    return None


def _softmax(logits: Array, ids: Array) -> Array:
    """float64 [rows, k]: the shares of these labels. Some rows at a time, so that the numbers of
    all labels stay in the processor's cache."""
    some = max(1, SOFTMAX_NUMBERS // logits.shape[1])
    parts = [slice(start, start + some) for start in range(0, len(logits), some)]
    shares = [_shares(logits[part].astype(np.float64), ids[part]) for part in parts]
    return np.concatenate(shares) if shares else np.zeros(ids.shape)


def _shares(logits: Array, ids: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        return np.asarray(np.take_along_axis(logits, ids, axis=1) / total)


difference = difference_of(_softmax)
