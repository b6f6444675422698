"""Groups of rows that are drawn together for intervals (kinds.heads.any.intervals).

They are those that the model's split keeps on one side: rows with equal texts in the columns of
`by: hash`, and the groups of `by: last`. Splits by row, value, file or time keep nothing together,
or a whole side: then each row is its own group, unless other columns are named.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from kinds.columns import Field, cast
from kinds.heads.any.intervals import BUCKETS
from kinds.heads.any.metrics import Array
from pipeline.sides import hashes, scrambled
from serving.model_file.metadata import Metadata


class Groups:
    """Says of rows in which bucket their group is. Rows are numbered as they come."""

    def __init__(self, columns: Sequence[str], missing_words: Sequence[str] = ()) -> None:
        self.columns, self._missing_words = list(columns), missing_words
        self._fields = [Field(c, "text", missing_words=tuple(missing_words)) for c in columns]
        self._rows = 0

    def of(self, raw: pa.RecordBatch) -> Array:
        """int64 [rows]: buckets."""
        numbers = np.arange(self._rows, self._rows + raw.num_rows, dtype=np.uint64)
        self._rows += raw.num_rows
        hashed = scrambled(numbers)
        if self._fields:
            texts, good, _ = cast(raw.select(self.columns), self._fields)
            hashed[good] = hashes(texts.columns)
        # The split has gone by the first bits: rows of one side have them in common.
        return (scrambled(hashed) % np.uint64(BUCKETS)).astype(np.int64)

    def anew(self) -> "Groups":
        """The same, for the same rows once more."""
        return Groups(self.columns, self._missing_words)

    def said(self) -> str:
        """What is drawn."""
        return f"groups of equal {' and '.join(self.columns)}" if self.columns else "rows"


def groups_of(metadata: Metadata, held: Sequence[set[str]], named: Sequence[str] | None) -> Groups:
    """By the `named` columns, or those of the split where all files hold them."""
    if named is not None:
        return Groups(named, metadata.missing_words)
    columns = metadata.split.kept_together() if metadata.split else ()
    there = all(column in names for names in held for column in columns)
    return Groups(columns if there else [], metadata.missing_words)
