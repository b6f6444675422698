"""A quantile head in a file that is scored: its values, from the lowest up."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.differences import Array, Difference, value_difference
from kinds.heads.numbers.score import has_several as has_several
from kinds.heads.numbers.score import in_log_odds as in_log_odds
from kinds.heads.numbers.score import score_alone as score_alone
from kinds.heads.numbers.score import tensors as tensors
from kinds.heads.quantile.metrics import middle as middle_of

if TYPE_CHECKING:
    from kinds.heads.evidence import Evidence
    from kinds.heads.score import FileHead, Ranks


def columns(head: "FileHead", labels_only: bool) -> dict[str, pa.DataType]:
    return {f"{head.name}.values": pa.list_(pa.float32())}


def leaning(head: "FileHead", said: "Evidence") -> Array:
    """Of the value in the middle."""
    return np.asarray(said.own[:, middle(head)])


def middle(head: "FileHead") -> int:
    return middle_of(head.settings["quantiles"])


def difference(
    head: "FileHead",
    got: Mapping[str, Array],
    expected: Array,
    labels: Sequence[str],
    allowed: Array,
) -> Difference:
    """Relative to the greatest value of a row: a value near 0 is the sum of others of its size.
    Values that cross are refused, however near they are."""
    values = got[head.outputs[0]]
    if values.shape != expected.shape or (values[:, 1:] < values[:, :-1]).any():
        return Difference(np.inf)
    sizes = np.maximum(1.0, np.where(np.isfinite(expected), np.abs(expected), 0.0))
    own = allowed[:, None] * sizes.max(axis=1, keepdims=True) / sizes
    return Difference(value_difference(values, expected, own))


def ranks(head: "FileHead", results: pa.RecordBatch) -> "Ranks":
    """A rank for each quantile, which is its label."""
    rows, quantiles = results.num_rows, [str(one) for one in head.settings["quantiles"]]
    labels = pa.array(quantiles * rows, pa.string())
    return np.full(rows, len(quantiles)), labels, results.column(head.outputs[0]).flatten()
