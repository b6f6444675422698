"""Columns that come in another type than the one that a model has read its training rows in.

A vocabulary of words was made from texts; the same values as flags, numbers or times are written in
another way there ("True" as "true"), and are unknown to it. One whose rows had values reads both
as the same (kinds.columns.readings).
"""

from collections.abc import Iterator, Sequence

import pyarrow as pa

from kinds.columns import Field, family

_TYPED = ("flags", "numbers", "times")


class OtherTypes:
    """Remembers of each column the first file in which it is none of texts."""

    def __init__(self, fields: Sequence[Field]) -> None:
        # A text that the file splits is read as words whatever its rows had.
        texts = [f for f in fields if f.column_type.element() == "string"]
        texts = [f for f in texts if not f.column_type.is_split_in_file()]
        self._columns = {f.column for f in texts if f.reading == "words"}
        self._found: dict[str, tuple[str, str]] = {}

    def see(self, file: str, rows: pa.RecordBatch) -> None:
        for column in self._columns - self._found.keys():
            kind = family(rows.column(column).type)
            if kind in _TYPED:
                self._found[column] = kind, file

    def warnings(self) -> Iterator[str]:
        for column, (kind, file) in sorted(self._found.items()):
            yield (
                f"warning: OTHER_TYPE of {column}: it has {kind} in {file}; the model was trained "
                f"on texts, in which the same value may be written in another way"
            )
