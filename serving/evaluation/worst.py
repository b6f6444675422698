"""The slices that a model is worst on, found by themselves and guarded against chance.

Tried are the frequent values of each input and the quarters of each number, as the model knows its
training rows. Among a hundred slices some look bad by chance, whatever the model is. So
half of the groups of rows choose CHOSEN slices, and the other half judges them: shown are those
that are worse than all other rows there too, beyond what chance gives to the worst of so many
(Bonferroni), and the figures shown are of the half that did not choose.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import Analysis, is_missing
from kinds.columns.texts import text
from kinds.heads.any.intervals import (
    BUCKETS,
    FEWEST,
    LEVEL,
    GroupSums,
    Interval,
)
from kinds.heads.any.metrics import Array
from kinds.heads.metrics import KINDS
from pipeline.distributions import Distribution
from serving.evaluation.drift import analyses_of
from serving.evaluation.slices import SlicedRows, Slices
from serving.model_file.metadata import Metadata

MOST_VALUES, QUARTERS = 20, (0, 25, 50, 75, 100)
CHOSEN, FEWEST_ROWS = 5, 30
# In the half that chooses: fewer deviations than these are not worth a place.
DEVIATIONS = 2.0
SIGNIFICANT = 0.05


class OfTexts:
    """By the training rows' most frequent values of an input of one text."""

    columns: Sequence[str] = ()

    def __init__(self, name: str, analysis: Analysis, known: Distribution) -> None:
        self._name, self._column = name, analysis.field.output
        self._empty_is_value = analysis.empty_is_value
        values = [value for value, _ in known["top"][:MOST_VALUES]]
        self._values = pa.array(values, pa.string())

    def names(self) -> Sequence[str]:
        values = [f"{self._name} = {value}" for value in self._values.to_pylist()]
        return [*values, f"{self._name}: other values", f"{self._name} is missing"]

    def of(self, rows: SlicedRows) -> Array:
        column = rows.typed.column(self._column)
        if pa.types.is_floating(column.type):
            column = text(pc.if_else(pc.is_nan(column), None, column))
        missing = column.is_null() if self._empty_is_value else is_missing(column)
        count = len(self._values)
        place = pc.fill_null(pc.index_in(column, self._values), count)
        place = pc.if_else(missing, count + 1, place)
        return np.asarray(place.to_numpy(zero_copy_only=False), np.int64)


class OfNumbers:
    """By the quarters of the training rows' numbers or days."""

    columns: Sequence[str] = ()

    def __init__(self, name: str, analysis: Analysis, known: Distribution) -> None:
        self._name, self._analysis = name, analysis
        ends = np.unique([known["percentiles"][share] for share in QUARTERS])
        self._inner = ends[1:-1]
        is_day = pa.types.is_temporal(analysis.field.type)
        self._said = [_day(end) if is_day else f"{end:.6g}" for end in ends]

    def names(self) -> Sequence[str]:
        between = [f"{self._name} from {a} to {b}" for a, b in pairwise(self._said)]
        return [*(between or [f"{self._name} is there"]), f"{self._name} is missing"]

    def of(self, rows: SlicedRows) -> Array:
        numbers = self._analysis.numbers(rows.typed)
        place = np.searchsorted(self._inner, numbers, side="right")
        return np.where(np.isnan(numbers), len(self._inner) + 1, place)


def _day(number: float) -> str:
    return str(np.datetime64(int(number), "D"))


def candidates(metadata: Metadata) -> list[Slices]:
    """Of the inputs with one value a row."""
    found: list[Slices] = []
    for name, one in analyses_of(metadata).items():
        known = metadata.training[name]
        is_one = one.words is None and not pa.types.is_list(one.field.type)
        if is_one and one.is_number and known["percentiles"]:
            found.append(OfNumbers(name, one, known))
        elif is_one and not one.is_number:
            found.append(OfTexts(name, one, known))
    return found


class Gap(NamedTuple):
    """What a metric is on a slice and on all other rows, and the standard error of the difference;
    `rows` of the slice."""

    rows: int
    value: float
    others: float
    error: float

    @property
    def mean(self) -> float:
        return self.value - self.others

    def interval(self) -> Interval:
        half = NormalDist().inv_cdf((1 + LEVEL) / 2) * self.error
        return self.mean - half, self.mean + half


class Worst(NamedTuple):
    """A slice on which a metric is worse than on all other rows. Rows and values are of the half of
    the groups that judged."""

    name: str
    metric: str
    gap: Gap

    def content(self) -> dict[str, Any]:
        said = {"slice": self.name, "targets": self.gap.rows, "metric": self.metric}
        said |= {"value": self.gap.value, "other_rows": self.gap.others}
        return {**said, "difference": [*self.gap.interval()]}


def measure_of(kind: str, names: Sequence[str]) -> str | None:
    """The first headline of a kind that is a mean over rows."""
    return next((m for m in KINDS[kind].headlines() if m in names and m != "auc"), None)


def worst(
    kind: str, metric: str, every: GroupSums, tried: Sequence[tuple[Slices, GroupSums]]
) -> list[Worst]:
    """The worst slices of a head, the worst first; `every` has the sums of all its rows."""
    lower = KINDS[kind].shortfall(metric, 1.0) > KINDS[kind].shortfall(metric, 0.0)
    sign = 1.0 if lower else -1.0
    found = []
    for place, (_, sums) in enumerate(tried):
        for at in range(len(sums.rows)):
            gap = _gap(metric, every, sums, at, half=0)
            if gap and sign * gap.mean > DEVIATIONS * gap.error:
                found.append((sign * gap.mean / gap.error, place, at))
    chosen = sorted(found, reverse=True)[:CHOSEN]
    needed = NormalDist().inv_cdf(1 - SIGNIFICANT / max(1, len(chosen)))
    judged = []
    for _, place, at in chosen:
        slices, sums = tried[place]
        gap = _gap(metric, every, sums, at, half=1)
        if gap and sign * gap.mean > needed * gap.error:
            judged.append(Worst(slices.names()[at], metric, gap))
    return judged


def _gap(metric: str, every: GroupSums, sums: GroupSums, at: int, half: int) -> Gap | None:
    """Over half of the groups; None where the slice or all other rows are too few."""
    own = _half(every, half)
    rows = sums.rows[at][own]
    others = every.rows[0][own] - rows
    if min(rows.sum(), others.sum()) < FEWEST_ROWS or (rows > 0).sum() < FEWEST:
        return None
    inside = sums.of(metric, at)[:, own]
    outside = every.of(metric, 0)[:, own] - inside
    if min(inside[1].sum(), outside[1].sum()) <= 0:
        return None
    value, other = (float(of[0].sum() / of[1].sum()) for of in (inside, outside))
    # What each group adds to the mean of its side, beyond what a group of that mean would.
    of_slice, of_rest = (
        (of[0] - mean * of[1]) / of[1].sum() for of, mean in ((inside, value), (outside, other))
    )
    error = float(np.sqrt(((of_slice - of_rest) ** 2).sum()))
    # Where all few rows of a slice are alike, they do not spread; those of others do.
    usual = float(np.sqrt((of_rest**2).sum() * (others > 0).sum() / (rows > 0).sum()))
    return Gap(int(rows.sum()), value, other, max(error, usual)) if usual > 0 else None


def _half(every: GroupSums, half: int) -> Array:
    """bool [BUCKETS]: every second bucket that has rows."""
    occupied = np.flatnonzero(every.rows[0])[half::2]
    chosen = np.zeros(BUCKETS, bool)
    chosen[occupied] = True
    return chosen
