"""What a split needs to know of all rows before one of them has a side, found in a pass of its own.

Where shares of the rows in order begin, and which rows are the last of their group. Only the
columns of the split are read, so that a row's side depends on them alone, here and where rows are
scored. Memory is bounded by the number of different times (pipeline.sides.time_counts) or of groups
(pipeline.sides.last_rows), not by the rows.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import apache_beam as beam
import numpy as np
import numpy.typing as npt

from kinds.columns import cast
from pipeline import sides
from pipeline import spec as specs
from pipeline.failures import Exit, Failure
from pipeline.preparing import reading
from pipeline.sides.last_rows import GroupRows, LastRows
from pipeline.sides.origins import origins
from pipeline.sides.time_counts import TimeCounts
from pipeline.sides.times import time_text

Kinds = npt.NDArray[np.int8]
Parts: TypeAlias = TimeCounts | LastRows


class ReadSplitColumns(reading.Reader):
    """Part of a file to its rows with a time: group, place in time and origin, and of which kind
    their times are."""

    doing = "split"

    def process(self, part: reading.FilePart) -> Iterator[tuple[GroupRows, Kinds]]:
        at, meant = part
        path, fields = self._paths[at], list(self._fields.split.values())
        columns = [field.column for field in fields]
        with reading.as_message():
            for raw in self._raw(path, meant, columns):
                typed, good, _ = cast(raw.rows, fields)
                reading.listener(self.doing, raw.rows.num_rows)
                yield sides.in_groups(typed.columns, origins(at, raw.numbers()[good]))


@dataclass
class Found:
    """What is found so far, and how many times of each kind there were."""

    parts: Parts
    kinds: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))


class SeeAllRows(beam.CombineFn):
    """Rows by their group and time to what the split needs to know of them all."""

    def __init__(self, split: specs.TimeSplit | specs.LastSplit) -> None:
        self._split = split

    def create_accumulator(self) -> Found:
        if isinstance(self._split, specs.LastSplit):
            return Found(LastRows(self._split.eval, self._split.test))
        return Found(TimeCounts())

    def add_input(self, found: Found, batch: tuple[GroupRows, Kinds]) -> Found:
        rows, kinds = batch
        found.kinds += np.bincount(kinds, minlength=3)
        if isinstance(found.parts, LastRows):
            found.parts.add(rows)
        else:
            found.parts.add(rows.at)
        return found

    def merge_accumulators(self, many: Iterable[Found]) -> Found:
        total = self.create_accumulator()
        for found in many:
            total.kinds += found.kinds
            total.parts.merge(found.parts)  # type: ignore[arg-type]
        return total

    def compact(self, found: Found) -> Found:
        found.parts.compact()
        return found

    def extract_output(self, found: Found) -> reading.Known:
        split = self._split
        column = split.column if isinstance(split, specs.TimeSplit) else split.order or ""
        with reading.as_message():
            kind = sides.check_one_kind(column, found.kinds)
            if isinstance(found.parts, LastRows):
                return {"held_out": found.parts.held_out()}
            begins = _begins(split, found.parts)
            return {"begins": tuple(time_text(at, kind) for at in begins)}


def _begins(split: Any, counts: TimeCounts) -> list[int]:
    begins = counts.begins(split.eval, split.test)
    if begins is None and counts.times():
        rule = f"split: column {split.column!r} must have a time for each side"
        raise Failure(Exit.USAGE, rule, received=f"{counts.times()} different")
    return begins or []
