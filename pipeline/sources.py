"""Where the values of an input or a head come from in typed rows, and which of them count.

Numpy and pyarrow only: what is learned, what is prepared and the drift of rows to score have the
same values.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """Where the values of an input or a head come from.

    A length cuts a list to its last elements. An empty text is a value of a label only.
    """

    field: Field
    length: int | None
    is_label: bool

    @property
    def is_number(self) -> bool:
        return self.field.kind == "number"


def texts(rows: pa.RecordBatch, source: Source) -> tuple[pa.Array, int]:
    """The texts of a column that count, and how many are missing. A flag is "0" or "1"."""
    column = rows.column(source.field.output)
    if pa.types.is_list(column.type):
        column = column if source.length is None else last(column, source.length)
        column = pc.fill_null(column.flatten(), "")
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column).cast(pa.int8()).cast(pa.string())
    missing = column.is_null() if source.is_label else is_missing(column)
    values = column.filter(pc.invert(missing))
    return values, len(column) - len(values)


def numbers(rows: pa.RecordBatch, source: Source) -> npt.NDArray[np.float32]:
    """The numbers of a column, NaN where one is missing."""
    return rows.column(source.field.output).to_numpy(zero_copy_only=False)


def is_missing(texts: pa.Array) -> pa.Array:
    """Whether an input's value is missing: null or empty."""
    return pc.fill_null(pc.equal(texts, ""), True)


def last(lists: pa.Array, length: int) -> pa.Array:
    """The last `length` elements of each list, oldest first; a null list is an empty one.

    >>> last(pa.array([["a", "b", "c"], None, ["d"]]), 2).to_pylist()
    [['b', 'c'], [], ['d']]
    """
    lengths = list_lengths(lists)
    values = lists.flatten()
    if (lengths > length).any():
        place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values = values.filter(pa.array(place >= np.repeat(lengths - length, lengths)))
        lengths = np.minimum(lengths, length)
    return lists_of(values, lengths)


def list_lengths(lists: pa.Array) -> Ids:
    """int64 [lists]; a null list has none."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return lengths.to_numpy(zero_copy_only=False).astype(np.int64)


def lists_of(values: pa.Array, lengths: Ids) -> pa.Array:
    """Lists of these lengths, one after the other."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
