"""What is to be learned of an input or a head from rows, and the values that it is learned from.

What is learned, what is prepared and the drift of rows to score have the same values. Numpy and
pyarrow only.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.lists import last
from kinds.word_lists import word_lists
from kinds.words import Words

Scale = Literal["standard", "log"]


@dataclass(frozen=True)
class Analysis:
    """What is to be learned of an input or a head from its typed column, besides its distribution.

    Only the last `length` elements of a list are read, of a passage its `words`. An empty text is
    a missing value unless `empty_is_value`. Values are counted for a `vocabulary`; numbers get a
    mean and a deviation on a `scale`, and the boundaries between some `buckets`.
    """

    field: Field
    length: int | None = None
    words: Words | None = None
    empty_is_value: bool = False
    vocabulary: str | None = None
    scale: Scale | None = None
    buckets: int | None = None

    @property
    def is_number(self) -> bool:
        """Whether the values lie along a line, and otherwise are texts."""
        return self.field.column_type.on_a_line() is not None

    def lists(self, column: pa.Array) -> pa.Array | None:
        """Of each cell of the typed column the texts that count; None where a cell is one text."""
        if self.words is not None:
            return word_lists(self.words, column)
        if not pa.types.is_list(column.type):
            return None
        return column if self.length is None else last(column, self.length)

    def texts(self, rows: pa.RecordBatch) -> tuple[pa.Array, int]:
        """The texts that count, and how many are missing. A flag is "0" or "1"."""
        column = rows.column(self.field.output)
        if (lists := self.lists(column)) is not None:
            column = pc.fill_null(lists.flatten(), "")
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column).cast(pa.int8()).cast(pa.string())
        missing = column.is_null() if self.empty_is_value else is_missing(column)
        values = column.filter(pc.invert(missing))
        return values, len(column) - len(values)

    def numbers(self, rows: pa.RecordBatch) -> npt.NDArray[np.float32]:
        """The numbers, NaN where one is missing; of a date its day."""
        line = self.field.column_type.on_a_line()
        assert line is not None
        column = rows.column(self.field.output)
        numbers = line(column)
        if not self.field.width:
            return numbers
        # A vector that is missing is as many missing numbers.
        more = np.full(column.null_count * (self.field.width - 1), np.nan, np.float32)
        return np.append(numbers, more)

    @property
    def is_vector(self) -> bool:
        """Whether each of several numbers a row has a scale of its own."""
        return self.scale is not None and self.field.width is not None

    def vectors(self, rows: pa.RecordBatch) -> npt.NDArray[np.float32]:
        """[rows that have one, width]"""
        numbers = rows.column(self.field.output).flatten().to_numpy(zero_copy_only=False)
        return np.reshape(numbers, (-1, self.field.width or 1))


def is_missing(texts: pa.Array) -> pa.Array:
    """Whether an input's text is missing: null or empty."""
    return pc.fill_null(pc.equal(texts, ""), True)
