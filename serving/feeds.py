"""Typed rows (kinds.columns) to the arrays that the exported graph takes.

text    string [rows], "" for missing          number, flag   float32 [rows], NaN for missing
list    string [rows, length], the last elements, padded with "" on the left
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field


def feeds(
    typed: pa.RecordBatch, fields: Sequence[Field], lengths: Mapping[str, int]
) -> dict[str, npt.NDArray[np.generic]]:
    """One array per field, by the name of its typed column; `lengths` are those of the lists."""
    return {f.output: _array(typed.column(f.output), f, lengths) for f in fields}


def _array(column: pa.Array, field: Field, lengths: Mapping[str, int]) -> npt.NDArray[np.generic]:
    if field.kind == "list":
        return padded(column, lengths[field.output])
    if field.kind == "text":
        return _strings(column)
    numbers: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
    return numbers


def padded(lists: pa.Array, length: int) -> npt.NDArray[np.object_]:
    """
    >>> padded(pa.array([["a"], None, ["a", None, "c"]]), 2).tolist()
    [['', 'a'], ['', ''], ['', 'c']]
    """
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(counts, dtype=np.int64)
    values = np.append(_strings(lists.flatten()), "")
    # Place j of a row holds its element j - length from the end; before its first one, the "".
    places = ends[:, None] + np.arange(-length, 0)[None, :]
    is_there = np.arange(length, 0, -1)[None, :] <= counts[:, None]
    taken: npt.NDArray[np.object_] = values[np.where(is_there, places, -1)]
    return taken


def _strings(column: pa.Array) -> npt.NDArray[np.object_]:
    filled = pc.fill_null(column, "")
    strings: npt.NDArray[np.object_] = filled.to_numpy(zero_copy_only=False)
    return strings
