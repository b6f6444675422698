"""Rows by their side of the model's own split: what it was trained on, and what was held out."""

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns import Field, Rejected, cast
from pipeline.failures import Exit, Failure
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.sides import (
    NOWHERE,
    SIDES,
    Rows,
    Split,
    check_one_kind,
    in_groups,
    without_time,
)
from pipeline.sides.last_rows import LastRows
from pipeline.sides.origins import origins
from pipeline.sides.times import time_field
from serving.files.sources import read
from serving.model_file.metadata import Metadata

COLUMN = "side"
READ_ROWS = 32_768


class BySide:
    """Chooses rows by their side. Without `wanted` it takes all; `shown` adds each row's side as a
    column. Raises Failure 2 for a model that does not know its split."""

    def __init__(self, metadata: Metadata, wanted: Sequence[str] | None, *, shown: bool) -> None:
        self.shown = shown
        self._wanted = [SIDES.index(side) for side in wanted or ()]
        self._split: Split | None = None
        self._files: dict[str, int] = {}
        self._words, self._read = metadata.missing_words, metadata.fields
        if wanted or shown:
            self._split = metadata.split
            if self._split is None:
                rule = "sides need a model that knows how its rows were split: one from an export"
                raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")
            if self._split.of_elements:
                rule = "sides of rows need a split of rows; leave the last elements out of the "
                rule += "lists, and give them in a column, to evaluate on them"
                raise Failure(Exit.USAGE, rule, received="a split by the elements of a list")

    @property
    def columns(self) -> list[str]:
        """The columns that decide."""
        return list(self._split.columns) if self._split else []

    @property
    def needs_names(self) -> bool:
        """Whether the names of the files decide."""
        return self._split is not None and self._split.needs_names

    def names(self) -> list[str]:
        """Of the columns that it adds."""
        return [COLUMN] if self.shown else []

    def see(self, files: Sequence[str], csv: Csv = AS_FOUND) -> None:
        """Finds out what the split needs to know of all rows, and says what the sides hold for.

        Raises Failure 2 where the order of rows cannot be told.
        """
        self._files = {file: number for number, file in enumerate(files)}
        if self._split is None:
            return
        if self._split.by == "row":
            _tell("their numbers: right for the files that were prepared, as they were")
        if self._split.by == "last" and self._split.needs_all_rows:
            self._split = replace(
                self._split, held_out=self._last_rows(self._split, csv).held_out()
            )
            _tell("the last rows of each group among those given here")

    def _last_rows(self, split: Split, csv: Csv) -> LastRows:
        last, kinds = LastRows(split.eval, split.test), np.zeros(3, np.int64)
        for file, number in self._files.items():
            for raw in read(file, self.columns, READ_ROWS, csv):
                texts, good, _ = cast(raw.rows, self._fields())
                rows, found = in_groups(texts.columns, origins(number, raw.numbers()[good]))
                last.add(rows)
                kinds += np.bincount(found, minlength=3)
        check_one_kind(split.columns[-1], kinds)
        return last

    def _fields(self) -> list[Field]:
        """Of the columns that decide. A time is read as an input of the model reads it, if one
        does."""
        texts = [Field(column, "text", missing_words=self._words) for column in self.columns]
        if self._split is None or not self._split.has_times:
            return texts
        return [*texts[:-1], time_field(self._read, self.columns[-1]) or texts[-1]]

    def of(
        self, file: str, raw: RawBatch
    ) -> tuple[npt.NDArray[np.int64], pa.Array | None, list[Rejected]]:
        """The rows that are wanted, their sides if they are shown, and rows without a side."""
        split = self._split
        if split is None:
            return np.arange(raw.rows.num_rows), None, []
        texts, good, rejected = cast(raw.rows, self._fields())
        numbers = raw.numbers()[good]
        rows = Rows(numbers, origins(self._files.get(file, 0), numbers))
        sides = split.sides(file, texts.columns, rows)
        if len(nowhere := np.flatnonzero(sides == NOWHERE)):
            cells = texts.columns[-1].take(pa.array(nowhere))
            rejected += without_time(split.columns[-1], good[nowhere], cells)
        kept = np.isin(sides, self._wanted) if self._wanted else sides != NOWHERE
        shown = pa.array(np.array(SIDES, object)[sides[kept]], pa.string())
        return good[kept], shown if self.shown else None, rejected


def _tell(what: str) -> None:
    print(f"score: the sides follow from {what}", file=sys.stderr)
