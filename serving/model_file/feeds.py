"""Typed rows (kinds.columns) to the arrays that an exported file takes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field

# Texts of more bytes are split by themselves: beside others they make all of a batch as wide.
LARGE = 16 << 10


def spans(typed: pa.RecordBatch, fields: Sequence[Field], rows: int) -> Iterator[tuple[int, int]]:
    """(first row, row after the last) of batches of at most `rows` rows, for one run each.

    A row with a large text that the file splits is a batch of its own.
    """
    bounds = np.arange(0, typed.num_rows, max(1, rows))
    for field in fields:
        if field.column_type.is_split_in_file():
            size = pc.fill_null(pc.binary_length(typed.column(field.output)), 0).to_numpy()
            large = np.flatnonzero(size > LARGE)
            bounds = np.concatenate([bounds, large, large + 1])
    ends = np.unique(np.append(bounds, typed.num_rows)).tolist()
    yield from pairwise(ends)


def feeds(
    typed: pa.RecordBatch, fields: Sequence[Field], lengths: Mapping[str, int]
) -> dict[str, npt.NDArray[np.generic]]:
    """One array per field, by the name of its typed column; `lengths` are those of the lists."""
    return {
        f.output: f.column_type.fed(typed.column(f.output), lengths.get(f.output, 1))
        for f in fields
    }
