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

    The row `owners[i]`, rising, has `values[i]`: a number, or the id of a label, which is their
    number for any other one. `left_out` are the labels that filtered metrics leave out.
    """

    there: Array
    owners: Array
    values: Array
    unreadable: int
    left_out: "Target | None" = None

    def part(self, start: int, rows: int) -> tuple[Array, Array]:
        """Owners and values of the rows from `start`, which is row 0 then."""
        own = slice(*np.searchsorted(self.owners, [start, start + rows]))
        return self.owners[own] - start, self.values[own]

    def what_is_left(self, output: Array, start: int) -> Array:
        """The outputs [rows, labels + 1] of the rows from `start` without the labels that each row
        leaves out, its own target not among them."""
        if self.left_out is None:
            return output
        own = np.full(len(output), -1, np.int64)
        for_rows, values = self.part(start, len(output))
        own[for_rows] = values
        rows, ids = self.left_out.part(start, len(output))
        is_out = (ids != own[rows]) & (ids < output.shape[1] - 1)
        left = output.copy()
        left[rows[is_out], ids[is_out]] = -np.inf
        return left


def read_targets(head: FileHead, raw: pa.RecordBatch, labels: Sequence[str] | pa.Array) -> Target:
    """The same with the labels that filtered metrics leave out, where the head has some."""
    target = read_target(head, raw, labels)
    if head.filtered is None:
        return target
    field = replace(head.target, column=head.filtered, kind="list")
    left_out = read_target(replace(head, target=field), raw, labels)
    return replace(target, left_out=left_out)


def read_target(head: FileHead, raw: pa.RecordBatch, labels: Sequence[str] | pa.Array) -> Target:
    """`labels` are those of the head, by id; empty for a head without."""
    field = replace(head.target, name="target")
    typed, good, unfit = cast(raw.select([head.column]), [field])
    column = typed.column("target")
    there = np.zeros(raw.num_rows, dtype=bool)
    there[good] = _is_there(column)
    owners = good
    if pa.types.is_list(column.type):
        counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        owners, column = np.repeat(good, counts), column.flatten()
    if not pa.types.is_floating(column.type):
        found = pc.index_in(column, value_set=pa.array(labels, pa.string()))
        column = pc.fill_null(found, len(labels)).cast(pa.int64())
    return Target(there, owners, column.to_numpy(zero_copy_only=False), len(unfit))


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
