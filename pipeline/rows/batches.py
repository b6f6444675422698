"""Batches of raw rows: what every reader gives, and how its rows get their numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns import Rejected

BATCH_ROWS = 32_768
# One row has to fit into a block, and a few blocks are in memory at a time.
BLOCK_BYTES = 16 << 20
# What of one file a worker takes at a time, where its format can be read in parts.
PART_BYTES = 128 << 20


@dataclass(frozen=True)
class RawBatch:
    """Some rows of one file. Rows count from 1, without the header and without blank lines.

    `row_numbers` is None where the rows follow each other from `first_row` without a gap.
    """

    first_row: int
    rows: pa.RecordBatch
    broken: list[Rejected] = field(default_factory=list)
    row_numbers: npt.NDArray[np.int64] | None = None

    def numbers(self) -> npt.NDArray[np.int64]:
        """int64 [rows]: the number of each row in its file."""
        if self.row_numbers is not None:
            return self.row_numbers
        return np.arange(self.first_row, self.first_row + self.rows.num_rows, dtype=np.int64)

    def last_row(self) -> int:
        """The number of the last row, good or broken."""
        return max([*self.numbers()[-1:].tolist(), *(one.row for one in self.broken)], default=0)

    def after(self, row: int) -> "RawBatch":
        """What comes behind a row."""
        if self.first_row > row:
            return self
        start = int(np.searchsorted(self.numbers(), row, side="right"))
        broken = [one for one in self.broken if one.row > row]
        return RawBatch(row + 1, self.rows.slice(start), broken, self.numbers()[start:])


def slices(block: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows, at most so many at a time."""
    for start in range(0, block.num_rows, batch_rows):
        yield block.slice(start, batch_rows)


def numbered(
    batches: Iterator[pa.RecordBatch], broken: list[Rejected], empty: pa.Schema, first_row: int
) -> Iterator[RawBatch]:
    """Gives every row its number, given the numbers of the broken rows between them.

    The reader adds to `broken` while it reads, at least up to the batch that it gives.
    """
    for rows in batches:
        count = rows.num_rows
        gaps = np.array([one.row for one in broken], dtype=np.int64)
        good_before = gaps - first_row - np.arange(len(gaps))
        skipped = np.searchsorted(good_before, np.arange(count), side="right")
        taken = int(np.searchsorted(good_before, count - 1, side="right"))
        numbers = first_row + np.arange(count, dtype=np.int64) + skipped if taken else None
        yield RawBatch(first_row, rows, broken[:taken], numbers)
        del broken[:taken]
        first_row += count + taken
    if broken:
        none = [pa.array([], column.type) for column in empty]
        rows = pa.RecordBatch.from_arrays(none, schema=empty)
        yield RawBatch(first_row, rows, list(broken), np.zeros(0, dtype=np.int64))
