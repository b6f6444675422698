"""Columns that come in another type than the one that a model has read its training rows in.

A vocabulary of words was made from texts; the same values as flags, numbers or times are written in
another way there ("True" as "true"), and are unknown to it. One whose rows had values reads both
as the same (kinds.columns.readings).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from kinds.columns import Field, family

_TYPED = ("flags", "numbers", "times")


class Found(NamedTuple):
    """A column, what it has, and a file in which it has that."""

    column: str
    kind: str
    file: str


class OtherTypes:
    """Remembers of each column the first file in which it is none of texts."""

    def __init__(self, fields: Sequence[Field]) -> None:
        # A text that the file splits is read as words whatever its rows had.
        texts = [f for f in fields if f.column_type.element() == "string"]
        texts = [f for f in texts if not f.column_type.is_split_in_file()]
        self._columns = {f.column for f in texts if f.reading == "words"}
        self._found: dict[str, Found] = {}

    def see(self, file: str, rows: pa.RecordBatch) -> list[Found]:
        """What is new in these rows."""
        kinds = {c: family(rows.column(c).type) for c in self._columns - self._found.keys()}
        new = [Found(column, kind, file) for column, kind in kinds.items() if kind in _TYPED]
        self.add(new)
        return new

    def add(self, found: Iterable[Found]) -> None:
        """What others have seen; of a column the first counts."""
        for one in found:
            self._found.setdefault(one.column, one)

    def warnings(self) -> Iterator[str]:
        for one in sorted(self._found.values()):
            yield (
                f"warning: OTHER_TYPE of {one.column}: it has {one.kind} in {one.file}; the model "
                "was trained on texts, in which the same value may be written in another way"
            )
