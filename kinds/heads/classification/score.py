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
# Less than this beside 1 adds nothing to a float32 sum; up to four times as much is rounded one way
# where many are alike. What is more is rounded up as often as down.
LOST, ONE_WAY = 2.0**-25, 2.0**-23
# A softmax is made of so many sums side by side, with 128-bit instructions; wider ones make more.
SUMS = 4


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return tensors_of(head, "ids")


def leaning(head: "FileHead", said: Evidence) -> Array:
    return among_all(said)


def has_several() -> bool:
    return False


def score_alone() -> None:
    return None


def _softmax(logits: Array, ids: Array) -> tuple[Array, Array]:
    """float64 [rows, k], the shares of these labels, and [rows], by how much float32 may have them
    too large. Some rows at a time, so that the numbers of all labels stay in the processor's
    cache."""
    some = max(1, SOFTMAX_NUMBERS // logits.shape[1])
    starts = range(0, max(1, len(logits)), some)
    parts = [slice(start, start + some) for start in starts]
    found = [_shares(logits[part].astype(np.float64), ids[part]) for part in parts]
    shares, lost = zip(*found, strict=True)
    return np.concatenate(shares), np.concatenate(lost)


def _shares(logits: Array, ids: Array) -> tuple[Array, Array]:
    """Where one label has nearly all, 20,000 others of some 1e-8 each are lost beside it in one of
    the sums."""
    with np.errstate(over="ignore", invalid="ignore"):
        logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        shares = np.asarray(np.take_along_axis(logits, ids, axis=1) / total)
        logits[logits > ONE_WAY] = 0.0
        lost = np.minimum(logits, LOST, out=logits).sum(axis=1) / total[:, 0]
    return shares, lost / SUMS


difference = difference_of(_softmax)
