"""Targets of raw rows, in the form in which metrics compare them with a model's outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, cast, is_missing
from kinds.heads.score import FileHead

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Target:
    """One head's targets. `there` [rows] is False where one is missing or did not fit.

    `values` [rows]: class ids (the number of labels for any other one) or numbers. Sets of labels
    are pairs instead: row `owners[i]` has label `members[i]`; labels out of vocabulary are dropped.
    """

    there: Array
    values: Array
    owners: Array
    members: Array
    unreadable: int

    def sets(self, start: int, rows: int, labels: int) -> Array:
        """bool [rows, labels] of the rows from `start`."""
        own = slice(*np.searchsorted(self.owners, [start, start + rows]))
        matrix = np.zeros((rows, labels), dtype=bool)
        matrix[self.owners[own] - start, self.members[own]] = True
        return matrix


def read_target(head: FileHead, raw: pa.RecordBatch, labels: Sequence[str] | pa.Array) -> Target:
    """`labels` are those of the head, by id; empty for a head without."""
    field = replace(head.target, name="target")
    typed, good, unfit = cast(raw.select([head.column]), [field])
    column = typed.column("target")
    there = np.zeros(raw.num_rows, dtype=bool)
    there[good] = _is_there(column)
    values, owners, members = np.zeros(raw.num_rows), _none(), _none()
    if pa.types.is_list(column.type):
        owners, members = _pairs(column, good, labels)
    elif pa.types.is_string(column.type):
        values = np.zeros(raw.num_rows, np.int64)
        values[good] = pc.fill_null(_ids(column, labels), len(labels)).to_numpy()
    else:
        values[good] = column.to_numpy(zero_copy_only=False)
    return Target(there, values, owners, members, len(unfit))


def read_weights(raw: pa.RecordBatch, column: str | None) -> Array:
    """float64 [rows]: 1 without such a column, 0 where a weight is missing or does not fit."""
    if column is None:
        return np.ones(raw.num_rows)
    field = Field(column, "number", required=True, nonnegative=True)
    typed, good, _ = cast(raw.select([column]), [field])
    weights = np.zeros(raw.num_rows)
    weights[good] = typed.column(column).to_numpy(zero_copy_only=False)
    return weights


def _is_there(column: pa.Array) -> Array:
    return ~is_missing(column).to_numpy(zero_copy_only=False)


def _ids(values: pa.Array, labels: Sequence[str] | pa.Array) -> pa.Array:
    return pc.index_in(values, value_set=pa.array(labels, pa.string())).cast(pa.int64())


def _pairs(column: pa.Array, good: Array, labels: Sequence[str] | pa.Array) -> tuple[Array, Array]:
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ids = pc.fill_null(_ids(column.flatten(), labels), -1).to_numpy()
    return np.repeat(good, counts)[ids >= 0], ids[ids >= 0]


def _none() -> Array:
    return np.zeros(0, np.int64)
