"""Calibrations of answers slice by slice, of the rows with each frequent value of an input.

Mondrian conformal prediction (Vovk 2012, Conditional Validity of Inductive Conformal Predictors,
arXiv:1209.2673): rows are told apart by something that is known before the answer, and each part is
calibrated by its own rows, so that what is promised holds for each part as it does for all rows.
Values with too few calibration rows are taken together, and where even these are too few, they have
the calibration of all rows. NumPy and pyarrow only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinds.heads.any.metrics import Array
from kinds.heads.coverage import Calibration, checked_limit
from kinds.heads.score import FileHead
from kinds.inputs.ids.numbering import missing_id, unknown_id

# So many values at most have a calibration of their own, each of so many rows at least: .9 then
# varies by three hundredths. Of each so many scores are kept: within half a hundredth.
MOST, LEAST, KEPT = 20, 100, 201
IDS = "slice"
"""What the ids of rows are called beside what metrics need of them."""


@dataclass(frozen=True)
class Slice:
    """The rows whose value has the `id`, and their calibration."""

    name: str
    id: int
    own: Calibration


@dataclass(frozen=True)
class Slices:
    """Those of an input. `others` is the calibration of all values without one of their own; None
    where their rows are too few, too, and `whole` stands in, that of all rows."""

    input: str
    each: Sequence[Slice]
    others: Calibration | None
    whole: Calibration

    @classmethod
    def of(
        cls, name: str, values: Sequence[str], ids: Array, scores: Array, whole: Calibration
    ) -> "Slices":
        """From the ids and scores [rows] of calibration rows; `values` are the vocabulary's."""
        found, counts = np.unique(ids.astype(np.int64), return_counts=True)
        often = np.argsort(-counts, kind="stable")[:MOST]
        own = sorted(found[often[counts[often] >= LEAST]].tolist())

        def calibration(there: Array) -> Calibration:
            return Calibration.of(scores[there], whole.shape, KEPT)

        each = [Slice(_name(name, values, one), one, calibration(ids == one)) for one in own]
        rest = ~np.isin(ids, own)
        return cls(name, each, calibration(rest) if rest.sum() >= LEAST else None, whole)

    @classmethod
    def from_json(cls, said: Mapping[str, Any], whole: Calibration) -> "Slices":
        """Raises KeyError, TypeError or ValueError for what `content` has not written."""
        each = [Slice(str(one["name"]), int(one["id"]), _read(one, whole)) for one in said["each"]]
        others = None if said["others"] is None else _read(said["others"], whole)
        return cls(str(said["input"]), each, others, whole)

    def content(self) -> dict[str, Any]:
        each = [{"name": one.name, "id": one.id, **_written(one.own)} for one in self.each]
        others = None if self.others is None else _written(self.others)
        return {"input": self.input, "each": each, "others": others}

    def limits(self, coverage: float, ids: Array) -> Array:
        """[rows] the greatest score that an answer may have, by the ids of the rows' values."""
        found = np.full(len(ids), (self.others or self.whole).limit(coverage))
        for one in self.each:
            found[ids == one.id] = one.own.limit(coverage)
        return found

    def check(self, head: FileHead, coverage: float) -> None:
        """Raises Failure 2 for a coverage that the calibration rows of a slice cannot give."""
        for name, own in self.calibrations():
            checked_limit(head, own, coverage, f" where {name}")

    def calibrations(self) -> Iterator[tuple[str, Calibration]]:
        """Of each slice by its name, and that of all others."""
        yield from ((one.name, one.own) for one in self.each)
        yield f"{self.input} is another value", self.others or self.whole

    def parts(self, ids: Array) -> Iterator[tuple[str, Array]]:
        """(name, bool [rows]) of each slice, and of all others."""
        yield from ((one.name, ids == one.id) for one in self.each)
        yield f"{self.input} is another value", ~np.isin(ids, [one.id for one in self.each])

    def said(self) -> str:
        """What a coverage holds for."""
        names = [name for name, _ in self.calibrations()]
        if self.others is not None:
            return f"the coverage holds where {', where '.join(names)}"
        own = f"where {', where '.join(names[:-1])}, and " if self.each else ""
        return (
            f"the coverage holds {own}over all rows; other values of {self.input} had fewer than "
            f"{LEAST} calibration rows, so for them it is not promised"
        )


def _name(of: str, values: Sequence[str], value: int) -> str:
    size = len(values)
    beyond = {unknown_id(size): f"{of} is not known", missing_id(size): f"{of} is missing"}
    return beyond.get(value) or f"{of} = {values[value]}"


def _written(one: Calibration) -> dict[str, Any]:
    return {name: what for name, what in one.content().items() if name not in ("penalty", "log")}


def _read(said: Mapping[str, Any], whole: Calibration) -> Calibration:
    shape = {"penalty": whole.shape.penalty, "log": whole.shape.log}
    return Calibration.from_json({**said, **shape})
