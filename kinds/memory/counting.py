"""Counts of pairs of a value and a label, a batch at a time, in bounded memory. Pyarrow and numpy.

Up to LIMIT pairs counts are exact. Beyond, the values with the smallest totals are forgotten, and
then the rarest pairs: of those their value keeps the sum, so that its total stays what it is. What
is given up is stated: a pair's weight is at least the one here and at most `lost` more, a value's
total at most `lost_totals` more. Both are summed up over the times that room was made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.memory.label_counts import LabelCounts, of_pairs
from kinds.memory.sums import LIMIT, is_due, summed

Array = npt.NDArray[Any]

# The label of what a value's forgotten pairs have in sum; `labels` says how many pairs these were.
REST = -1
# The label of the rows of a value, where a row may have several labels or none.
ROWS = -2
SCHEMA = pa.schema(
    [
        ("key", pa.int64()),
        ("label", pa.int32()),
        ("weight", pa.float64()),
        ("rows", pa.int64()),
        ("labels", pa.int64()),
    ]
)


@dataclass(frozen=True)
class PairCounts:
    """Tables of key, label, weight and number of rows; a pair may be in several."""

    parts: tuple[pa.Table, ...] = ()
    lost: float = 0.0
    lost_totals: float = 0.0
    limit: int = LIMIT


def with_pairs(counts: PairCounts, keys: Array, labels: Array, weights: Array) -> PairCounts:
    """`counts` and one more batch: a row for each pair, which may repeat."""
    counts = _within_limit(counts)
    ones = np.ones(len(keys), np.int64)
    columns = [keys.astype(np.int64), labels.astype(np.int32), weights.astype(np.float64)]
    table = pa.table([*columns, ones, ones], schema=SCHEMA)
    return _compacted(replace(counts, parts=(*counts.parts, _summed([table]))))


def merged(many: Iterable[PairCounts]) -> PairCounts:
    """All counts together."""
    lists = [_within_limit(counts) for counts in many]
    parts = tuple(part for counts in lists for part in counts.parts)
    lost, lost_totals = (
        sum(getattr(one, what) for one in lists) for what in ("lost", "lost_totals")
    )
    return _compacted(PairCounts(parts, lost, lost_totals, lists[0].limit))


def _compacted(counts: PairCounts) -> PairCounts:
    """Room is made only with the next batch, when the parts that were added up are gone."""
    return _one_table(counts) if is_due(counts.parts, counts.limit) else counts


def added(counts: PairCounts) -> PairCounts:
    """One table, each pair in it once, within the limit."""
    return _within_limit(_one_table(counts))


def _one_table(counts: PairCounts) -> PairCounts:
    if len(counts.parts) == 1:
        return counts
    return replace(counts, parts=(_summed(counts.parts),))


def _within_limit(counts: PairCounts) -> PairCounts:
    """Of what may be one large table."""
    first, *others = counts.parts or (SCHEMA.empty_table(),)
    if others or first.num_rows <= counts.limit:
        return counts
    return _with_room(counts, first)


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    found = summed(tables, ("key", "label"), SCHEMA)
    labels = np.where(_of(found, "label") == REST, _of(found, "labels"), 1)
    return found.set_column(4, SCHEMA.field("labels"), pa.array(labels, pa.int64()))


def _with_room(counts: PairCounts, table: pa.Table) -> PairCounts:
    """Half of the limit: at most a quarter for what values have lost, the rest for pairs."""
    table, lost_totals = _frequent_values(table, counts.limit // 4)
    weight, is_rest = _of(table, "weight"), _of(table, "label") == REST
    order = np.lexsort((_of(table, "label"), _of(table, "key"), -weight, is_rest))
    given_up = np.zeros(table.num_rows, bool)
    given_up[order[counts.limit // 4 :]] = True
    given_up &= _of(table, "label") >= 0
    labels = np.where(given_up, REST, _of(table, "label"))
    lost = float(weight.max(where=given_up, initial=0.0))
    table = _summed([table.set_column(1, "label", pa.array(labels, pa.int32()))])
    return replace(
        counts,
        parts=(table,),
        lost=counts.lost + max(lost, lost_totals),
        lost_totals=counts.lost_totals + lost_totals,
    )


def _frequent_values(table: pa.Table, most: int) -> tuple[pa.Table, float]:
    """The `most` values with the greatest totals, the lower key first, and what others had."""
    # Takes half of the memory that the inverse of np.unique does.
    values = np.unique(_of(table, "key"))
    value = np.searchsorted(values, _of(table, "key"))
    totals = np.bincount(value, _of(table, "weight"))
    if len(values) <= most:
        return table, 0.0
    order = np.lexsort((values, -totals))
    is_kept = np.zeros(len(values), bool)
    is_kept[order[:most]] = True
    return table.filter(pa.array(is_kept[value])), float(totals[order[most]])


def with_unseen(counts: PairCounts, other: int) -> PairCounts:
    """With the rows whose label no other row of their value has counted for the label `other`, too:
    as many may be expected to have a label that none has (Good 1953)."""
    (table,) = added(counts).parts
    occurs_once = (_of(table, "rows") == 1) & ~np.isin(_of(table, "label"), [REST, other])
    once = table.filter(pa.array(occurs_once))
    unseen = once.set_column(1, "label", pa.array(np.full(once.num_rows, other), pa.int32()))
    return added(replace(counts, parts=(table, unseen)))


def label_counts(counts: PairCounts, *, most: int, min_count: int) -> LabelCounts:
    """What a memory knows: of each value with `min_count` rows the `most` heaviest labels."""
    (table,) = added(counts).parts
    keys, labels, weights, rows, stand_for = (_of(table, name) for name in SCHEMA.names)
    return of_pairs(
        keys, labels, weights, rows, most=most, min_count=min_count, stand_for=stand_for
    )


def row_counts(counts: PairCounts, *, most: int, min_count: int) -> LabelCounts:
    """The same of rows that may have several labels: a value's total is the weight of its rows."""
    (table,) = added(counts).parts
    labels = _of(table, "label")
    rows = table.filter(pa.array(labels == ROWS))
    rows = rows.filter(pa.array(_of(rows, "rows") >= min_count)).sort_by("key")
    there = np.isin(_of(table, "key"), _of(rows, "key")) & (labels != ROWS)
    # A value is known, too, of which no row has a label.
    none = np.zeros(rows.num_rows, np.int64)
    nothing = [_of(rows, "key"), none + REST, none * 0.0, none, none]
    own = (_of(table.filter(pa.array(there)), name) for name in SCHEMA.names)
    columns = [np.concatenate(pair) for pair in zip(own, nothing, strict=True)]
    found = of_pairs(*columns[:-1], most=most, min_count=0, stand_for=columns[-1])
    return replace(found, totals=_of(rows, "weight"))


def _of(table: pa.Table, name: str) -> Array:
    return table[name].to_numpy()
