"""Heads of one number in a file that is scored: the number as the network gives it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.differences import Array, Difference, value_difference
from kinds.tensors import Tensor

if TYPE_CHECKING:
    from kinds.heads.evidence import Evidence
    from kinds.heads.score import FileHead, Ranks


def columns(head: "FileHead", labels_only: bool) -> dict[str, pa.DataType]:
    return {f"{head.name}.value": pa.float32()}


def tensors(head: "FileHead") -> dict[str, Tensor]:
    return {column: (column, "float") for column in head.outputs}


def score_alone() -> None:
    return None


def has_several() -> bool:
    return False


def leaning(head: "FileHead", said: "Evidence") -> Array:
    return said.own


def in_log_odds() -> bool:
    return False


def middle(head: "FileHead") -> int:
    return 0


def difference(
    head: "FileHead",
    got: Mapping[str, Array],
    expected: Array,
    labels: Sequence[str],
    allowed: Array,
) -> Difference:
    (output,) = head.outputs
    return Difference(value_difference(got[output], expected, allowed))


def ranks(head: "FileHead", results: pa.RecordBatch) -> "Ranks":
    (output,) = head.outputs
    rows = results.num_rows
    return np.ones(rows, np.int64), pa.nulls(rows), results.column(output)
