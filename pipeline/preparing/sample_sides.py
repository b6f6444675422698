"""Sides of a sample of rows, where the split looks at all rows: which of them surely train, and
which of those are the newest.

Held out are the newest rows, of all or of each group, so among the rows of an even sample they are
the newest, too.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import sides
from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.preparing.reading import asked_split
from pipeline.sides.time_counts import TimeCounts
from pipeline.sides.times import times_of

Array = npt.NDArray[Any]
_NUMBERS = (pa.int64(), pa.float32(), pa.float64())
# Rows come after others if all but a hundredth of them do. Of fewer rows that may be chance.
LATEST, FEWEST_OTHERS = 0.99, 20


def training(split: specs.Split, fields: Fields, sample: pa.RecordBatch) -> pa.RecordBatch:
    """The rows that surely train, of a sample of all rows or of those that train."""
    asked = asked_split(split)
    if not asked.needs_all_rows:
        return sample
    columns = _columns(fields, sample)
    at = times_of(columns[-1]).at
    if isinstance(split, specs.TimeSplit):
        return sample.filter(pa.array(~_newest(at, asked.eval, asked.test)))
    held_out = _last(sides.hashes(columns[:-1]), at, asked.eval + asked.test)
    return sample.filter(pa.array(~held_out))


def newest(
    split: specs.Split,
    fields: Fields,
    sample: pa.RecordBatch,
    share: float,
    others: pa.RecordBatch | None = None,
) -> Array | None:
    """bool [rows]: the newest rows, nearly this share of all, where the newest ones are held out:
    by a split by time, or, as the `others` show that are, by what a person said. Else None."""
    if isinstance(split, specs.TimeSplit):
        at = times_of(_columns(fields, sample)[-1]).at
    elif others is None or (order := _order(sample, others)) is None:
        return None
    else:
        at = np.unique(order, return_inverse=True)[1]
    found = _newest(at, share, 0.0)
    return found if found.any() else None


def _order(sample: pa.RecordBatch, others: pa.RecordBatch) -> Array | None:
    """The first time or number, float64 [rows], by which the others come after the sample; what is
    missing comes first."""
    names = (f.name for f in sample.schema if pa.types.is_timestamp(f.type) or f.type in _NUMBERS)
    for name in sorted(names, key=lambda name: sample.schema.field(name).type in _NUMBERS):
        own, later = (_numbers(rows.column(name)) for rows in (sample, others))
        told, told_later = own[~np.isnan(own)], later[~np.isnan(later)]
        if not len(told) or len(told_later) < FEWEST_OTHERS:
            continue
        if np.quantile(told, LATEST) <= np.quantile(told_later, 1 - LATEST):
            return np.where(np.isnan(own), -np.inf, own)
    return None


def _numbers(column: pa.Array) -> Array:
    """float64 [rows], NaN where missing."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _columns(fields: Fields, sample: pa.RecordBatch) -> list[pa.Array]:
    return [sample.column(field.output) for field in fields.split.values()]


def _newest(at: Array, eval_share: float, test_share: float) -> Array:
    """bool [rows]: those from the time on with which the first held-out side begins.

    >>> _newest(np.array([5, 1, 2, 3, 4]), 0.2, 0.2).tolist()
    [True, False, False, False, True]
    """
    counts = TimeCounts()
    counts.add(at)
    begins = counts.begins(eval_share, test_share)
    found: Array = at >= begins[0] if begins else np.zeros(len(at), bool)
    return found


def _last(groups: Array, at: Array, count: int) -> Array:
    """bool [rows]: the last so many rows of each group.

    >>> _last(np.array([7, 7, 7, 8]), np.array([1, 3, 2, 1]), 1).tolist()
    [False, True, False, True]
    """
    order = np.lexsort((np.arange(len(at)), at, groups))
    ends = np.searchsorted(groups[order], groups[order], side="right")
    found = np.zeros(len(at), bool)
    found[order] = ends - np.arange(len(at)) <= count
    return found
