"""A multilabel head in a file that is scored: each label has a probability of its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kinds.differences import Array
from kinds.heads.evidence import Evidence, by_itself
from kinds.heads.labels.score import columns as columns
from kinds.heads.labels.score import difference_of, tensors_of
from kinds.heads.labels.score import in_log_odds as in_log_odds
from kinds.heads.labels.score import middle as middle
from kinds.heads.labels.score import ranks as ranks
from kinds.tensors import Tensor

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return tensors_of(head, "ids" if head.is_mixed else "top/at")


def leaning(head: "FileHead", said: Evidence) -> Array:
    return by_itself(said)


def has_several() -> bool:
    return True


def score_alone() -> Callable[[Array], Array]:
    return _logistic


def _logistic(logits: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)))


def _of_ids(logits: Array, ids: Array) -> tuple[Array, Array]:
    own = np.take_along_axis(logits, ids, axis=1).astype(np.float64)
    return _logistic(own), np.zeros(len(ids))


difference = difference_of(_of_ids)
