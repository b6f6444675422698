"""Heads over labels in a file that is scored: the best labels and their scores."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.differences import EXACT_UP_TO, TOLERANCE, Array, Difference, value_difference
from kinds.tensors import Tensor, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead, Ranks

LABEL_TOLERANCE = 1e-4

# All logits [rows, labels] and the ids of some labels [rows, k] to the probabilities of these, and
# how far float32 may be from those of each row, [rows].
Probabilities = Callable[[Array, Array], tuple[Array, Array]]


def columns(head: "FileHead", labels_only: bool) -> dict[str, pa.DataType]:
    labels = {f"{head.name}.labels": pa.list_(pa.string())}
    return labels if labels_only else labels | {f"{head.name}.scores": pa.list_(pa.float32())}


def tensors_of(head: "FileHead", ids: str) -> dict[str, Tensor]:
    """`ids` is the step of the graph that has the ids of the best labels."""
    labels, scores = head.outputs
    return {labels: (within_head(head.name, ids), "int64"), scores: (scores, "float")}


def ranks(head: "FileHead", results: pa.RecordBatch) -> "Ranks":
    labels, scores = head.outputs
    lists = results.column(labels)
    counts = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    texts = lists.flatten()
    has_scores = scores in results.schema.names
    return counts, texts, results.column(scores).flatten() if has_scores else pa.nulls(len(texts))


def in_log_odds() -> bool:
    return True


def middle(head: "FileHead") -> int:
    return 0


def difference_of(probabilities: Probabilities) -> Callable[..., Difference]:
    """The answer `difference` of heads whose scores are these probabilities."""

    def difference(
        head: "FileHead",
        got: Mapping[str, Array],
        expected: Array,
        labels: Sequence[str],
        allowed: Array,
    ) -> Difference:
        chosen, given = (got[column] for column in head.outputs)
        return label_difference(chosen, given, expected, probabilities, labels, allowed)

    return difference


def label_difference(
    labels: Array,
    scores: Array,
    logits: Array,
    probabilities: Probabilities,
    known: Sequence[str],
    allowed: Array,
) -> Difference:
    """The largest difference in scores [rows, k], and how many ranks hold another label that ties.

    The scores that are right are made of the logits [rows, labels]. A label that stands where one
    with a clearly greater logit belongs counts as inf. Rows whose logits overflow have no order
    that could be compared.
    """
    there = np.isfinite(logits).all(axis=1)
    if not there.all():
        labels, scores, logits, allowed = (
            values[there] for values in (labels, scores, logits, allowed)
        )
    ids = label_ids(labels, known)
    if ids is None or labels.shape != scores.shape:
        return Difference(np.inf, 0)
    # A logit of some 20 carries a rounding error of some 1e-5 by itself, in Keras as in the file.
    allowed = np.maximum(allowed, _largest(logits) / EXACT_UP_TO)
    right, off = probabilities(logits, ids)
    exact_enough = np.maximum(allowed, off / TOLERANCE)
    difference = value_difference(scores, right, exact_enough[:, None])
    ranked = logits[:, : len(known)]
    best = _best(ranked, ids).astype(np.float64)
    chosen = np.take_along_axis(ranked, ids, axis=1).astype(np.float64)
    slack = LABEL_TOLERANCE * allowed[:, None] * np.maximum(1.0, np.abs(best))
    if not np.all(np.abs(best - chosen) <= slack) or _repeats(ids):
        return Difference(np.inf, 0)
    return Difference(difference, int(np.sum(best != chosen)))


def _largest(logits: Array) -> Array:
    """float64 [rows]: the largest size of a logit."""
    highest, lowest = logits.max(axis=1, initial=0.0), logits.min(axis=1, initial=0.0)
    return np.maximum(highest, -lowest).astype(np.float64)


def _best(values: Array, ids: Array) -> Array:
    """As many of each row as it has ids: the greatest, greatest first.

    >>> _best(np.array([[1.0, 3.0, 2.0]]), np.array([[1, 0]]))
    array([[3., 2.]])
    """
    best = -np.sort(-np.take_along_axis(values, ids, axis=1), axis=1)
    # Where no more values are as great as the least of these, they are the greatest themselves.
    others = np.count_nonzero(values >= best[:, -1:], axis=1) != ids.shape[1]
    if others.any():
        best[others] = _ranked(values[others], ids.shape[1])
    return best


def _ranked(values: Array, count: int) -> Array:
    if count < values.shape[1]:
        values = np.partition(values, values.shape[1] - count, axis=1)[:, -count:]
    return np.sort(values, axis=1)[:, ::-1]


def label_ids(labels: Array, known: Sequence[str]) -> Array | None:
    """int64 of the same shape; None where a label is not one of the head's."""
    ids = _ids_of(tuple(known))
    found = np.array([ids.get(label, -1) for label in labels.ravel().tolist()], np.int64)
    return None if (found < 0).any() else found.reshape(labels.shape)


@lru_cache(maxsize=4)
def _ids_of(known: tuple[str, ...]) -> dict[str, int]:
    """Made once for many batches: of many labels it takes longer than a batch."""
    return {label: at for at, label in enumerate(known)}


def _repeats(ids: Array) -> bool:
    ordered = np.sort(ids, axis=1)
    return bool((ordered[:, 1:] == ordered[:, :-1]).any())
