"""Splits that let a model see later rows than those it is measured on, by samples of the sides.

Whatever is a day or a time in nearly every row says when rows are from: a column of the inputs, the
heads or the keys, or that of a split by its values, which may have years, too. There is a warning
where held-out rows are older than the training rows, and where a split does not look at the time
and a target changes along it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.prepare import Anomaly
from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.preparing.reports import Sample
from pipeline.sides import SIDES
from pipeline.sides.times import CLOCK, NUMBER, Times, time_text, times_of

# So many of the rows that have a value must have a time, and there must be so many of them.
MOST, LEAST_ROWS = 0.95, 100
# Of the pairs of a held-out row and a training row, so many have the held-out one as the older.
OLDER = 0.9
# How far two halves must be apart: in standard errors, and in standard deviations or shares.
ERRORS, DEVIATIONS, SHARES = 6.0, 0.2, 0.1
# The values of a target that are compared one by one.
COMPARED = 20
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Along:
    """The places in time of some rows, with the weight of each."""

    at: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]

    def share_before(self, others: "_Along") -> float:
        """Of all pairs with one of the others, in how many the own row is the older; half of those
        of one time."""
        order = np.argsort(others.at)
        below = np.concatenate([[0], np.cumsum(others.weight[order])])
        rising = others.at[order]
        first, last = (np.searchsorted(rising, self.at, side=side) for side in ("left", "right"))
        after = below[-1] - (below[first] + below[last]) / 2
        return float((after * self.weight).sum() / (below[-1] * self.weight.sum()))


def time_leaks(
    spec: specs.Spec,
    fields: Fields,
    samples: Mapping[str, Sample],
    split_values: Counter[str],
) -> Iterator[tuple[str, Anomaly]]:
    """What a warning is about, a side or a column, and the warning."""
    rows = {side: samples[side].rows for side in SIDES if side in samples}
    if "train" not in rows or isinstance(spec.split, specs.TimeSplit | specs.LastSplit):
        return
    columns = dict.fromkeys(field.output for field in fields.sampled())
    found = {name: times for name in columns if (times := _of_rows(rows, name)) is not None}
    along = {name: {s: _all(one) for s, one in times.items()} for name, times in found.items()}
    if isinstance(spec.split, specs.ColumnSplit):
        along |= _of_values(spec.split, split_values)
    for column, sides in along.items():
        yield from _older(column, sides)
    if isinstance(spec.split, specs.HashSplit | specs.RowSplit):
        for column, times in found.items():
            yield from _mixed(spec, fields, rows["train"], column, times["train"])


def _of_rows(rows: Mapping[str, pa.Table], column: str) -> dict[str, Times] | None:
    """The times of a column on each side; None where it has something else."""
    kind = rows["train"].schema.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_timestamp(kind)):
        return None
    found = {s: times_of(table.column(column).combine_chunks()) for s, table in rows.items()}
    there = rows["train"].num_rows - rows["train"].column(column).null_count
    times = found["train"]
    are_times = there >= LEAST_ROWS and (times.kind == CLOCK).sum() >= MOST * there
    return found if are_times and len(np.unique(times.at[times.kind == CLOCK])) > 1 else None


def _all(times: Times) -> _Along:
    at = times.at[times.kind == CLOCK]
    return _Along(at, np.ones(len(at), np.int64))


def _of_values(split: specs.ColumnSplit, occurring: Counter[str]) -> dict[str, dict[str, _Along]]:
    """The same of the column that splits, if all its values are times or years."""
    values, counts = [*occurring], np.array([*occurring.values()], np.int64)
    times = times_of(pa.array(values, pa.string()))
    first, last = _years()
    years = (times.kind == NUMBER) & (times.at >= first) & (times.at <= last)
    if not len(values) or not ((times.kind == CLOCK).all() or years.all()):
        return {}
    listed = {side: times_of(pa.array(getattr(split, side), pa.string())).at for side in SIDES[1:]}
    own = {side: np.isin(times.at, at) for side, at in listed.items()}
    own["train"] = ~np.logical_or.reduce([*own.values()])
    return {
        split.column: {side: _Along(times.at[which], counts[which]) for side, which in own.items()}
    }


@cache
def _years() -> npt.NDArray[Any]:
    """The first and the last number that is taken for a year."""
    return times_of(pa.array(["1900", "2100"])).at


def _older(column: str, sides: Mapping[str, _Along]) -> Iterator[tuple[str, Anomaly]]:
    for side in SIDES[1:]:
        own = sides.get(side)
        if own is not None and len(own.at) and len(sides["train"].at):
            share = own.share_before(sides["train"])
            if share >= OLDER:
                said = (
                    f"its rows are older than {share:.0%} of the training rows, by {column!r}: "
                    "metrics are about the past, not about what comes next"
                )
                yield side, ("OLDER_THAN_TRAIN", said)


def _mixed(
    spec: specs.Spec, fields: Fields, rows: pa.Table, column: str, times: Times
) -> Iterator[tuple[str, Anomaly]]:
    """Warnings where a target changes from the earlier half of the rows to the later one."""
    there = times.kind == CLOCK
    middle = int(np.median(times.at[there]))
    late, early = there & (times.at > middle), there & (times.at <= middle)
    for name, field in fields.heads.items():
        if field.output == column:
            continue
        values = rows.column(field.output).combine_chunks()
        said = _changed(values.filter(pa.array(early)), values.filter(pa.array(late)))
        if said:
            text = (
                f"the split does not look at it, and {name} changes along it: {said} from "
                f"{time_text(middle, CLOCK)} on. So the model learns from later rows than those it "
                f"is measured on; `by: time` would measure how it does on what comes next"
            )
            yield column, ("LATER_ROWS_IN_TRAIN", text)
            return  # one head is enough for one column


def _changed(before: pa.Array, after: pa.Array) -> str:
    """How the values of a target differ, or nothing."""
    if pa.types.is_list(before.type):
        before, after = before.flatten(), after.flatten()
    before, after = before.drop_null(), after.drop_null()
    if pa.types.is_floating(before.type):
        return _moved(_numbers(before), _numbers(after))
    return _shifted(before, after)


def _numbers(column: pa.Array) -> Floats:
    numbers: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers[~np.isnan(numbers)]


def _moved(before: Floats, after: Floats) -> str:
    if min(len(before), len(after)) < LEAST_ROWS // 2:
        return ""
    apart = abs(after.mean() - before.mean())
    error = np.sqrt(before.var() / len(before) + after.var() / len(after))
    if apart <= max(ERRORS * error, DEVIATIONS * np.concatenate([before, after]).std()):
        return ""
    return f"a mean of {before.mean():.3g} before, and {after.mean():.3g}"


def _shifted(before: pa.Array, after: pa.Array) -> str:
    if min(len(before), len(after)) < LEAST_ROWS // 2:
        return ""
    counts = [_counts(before), _counts(after)]
    often = [value for value, _ in (counts[0] + counts[1]).most_common(COMPARED)]
    shares = [np.array([one[v] for v in often], np.float64) / one.total() for one in counts]
    apart = shares[1] - shares[0]
    both = (counts[0] + counts[1]).total()
    pooled = np.array([(counts[0] + counts[1])[v] for v in often]) / both
    error = np.sqrt(pooled * (1 - pooled) * sum(1 / one.total() for one in counts))
    which = int(np.argmax(np.abs(apart)))
    if abs(apart[which]) <= max(ERRORS * error[which], SHARES):
        return ""
    share = f"{shares[0][which]:.0%} before, and {shares[1][which]:.0%}"
    return f"{often[which]!r:.60} is {share}"


def _counts(column: pa.Array) -> Counter[Any]:
    found = column.value_counts()
    values, counts = (found.field(name).to_pylist() for name in ("values", "counts"))
    return Counter(dict(zip(values, counts, strict=True)))
