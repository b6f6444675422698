"""Counting distinct values, a batch at a time, in bounded memory. Pyarrow and numpy only.

Up to LIMIT distinct values, and MAX_BYTES of them, counts are exact. Beyond, the rare ones are
given up: every count falls by the same number, and what falls to nothing is forgotten (Misra and
Gries 1982; merging as in Agarwal et al. 2012). That number, summed up, is `lost`: a value's true
count is at least the count here and at most `lost` more, and `lost` is at most the number of values
counted divided by KEPT. So a value that is frequent enough for a vocabulary stays, in any order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.readings import Reading, as_values, decided
from kinds.columns.readings import as_read as by_reading

LIMIT = 2_000_000
KEPT = LIMIT // 2
MAX_BYTES = 256 << 20
# Counts wait as they came until there are this many, then equal values are added up.
COMPACT_AT = 1 << 18
SCHEMA = pa.schema([("value", pa.string()), ("count", pa.int64())])


@dataclass(frozen=True)
class ValueCounts:
    """Tables of value and count; a value may be in several. `lost` as told above.

    A `limit` of its own takes the place of LIMIT.
    """

    parts: tuple[pa.Table, ...] = ()
    lost: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Reread:
    """What reading texts as values has changed: how many of them, and the most frequent one."""

    count: int
    before: str
    after: str


@dataclass(frozen=True)
class Entries:
    """A vocabulary in the order of its ids, and what became of the other values.

    `distinct` is how many values there were, as far as they were not forgotten. Of these
    `below_min_count` were too rare and `beyond_size` were left out because there is no more room.
    """

    values: pa.Array
    counts: pa.Array
    distinct: int
    below_min_count: int
    beyond_size: int
    lost: int = 0


def reading_of(counts: ValueCounts) -> Reading:
    """How cells are read that these values stood in."""
    (table,) = added(counts).parts
    return decided(_whole(table["value"]), _whole(table["count"]))


def as_read(counts: ValueCounts, reading: Reading) -> tuple[ValueCounts, Reread | None]:
    """The counts of the values by a reading, and what it has changed if anything."""
    one = added(counts)
    (table,) = one.parts
    before = _whole(table["value"])
    if reading == "words" or (values := as_values(before)) is before:
        return one, None
    changed = table.append_column("after", values).filter(pc.not_equal(values, before))
    if not changed.num_rows:
        return one, None
    order = [("count", "descending"), ("value", "ascending")]
    first = changed.take(pc.sort_indices(changed, order)[:1]).to_pylist()[0]
    parts = (table.set_column(0, "value", values),)
    count = pc.sum(changed["count"]).as_py()
    return added(replace(one, parts=parts)), Reread(count, first["value"], first["after"])


def given_reading(values: Sequence[str]) -> Reading:
    """How cells are read for a vocabulary that a spec gives."""
    return decided(pa.array(values, pa.string()), pa.array(np.ones(len(values), np.int64)))


def given_entries(values: Sequence[str], reading: Reading) -> Entries:
    """The vocabulary that a spec gives; its values are counted where they are looked up."""
    nothing = pa.array(np.zeros(len(values), np.int64))
    return Entries(by_reading(pa.array(values, pa.string()), reading), nothing, len(values), 0, 0)


def with_values(counts: ValueCounts, values: pa.Array) -> ValueCounts:
    """`counts` and the values of one more batch, none of them null."""
    return with_table(counts, table_of(values))


def table_of(values: pa.Array) -> pa.Table:
    """Each distinct value with its count; none of the values is null."""
    found = values.value_counts()
    return pa.table([found.field("values"), found.field("counts")], schema=SCHEMA)


def with_table(counts: ValueCounts, table: pa.Table) -> ValueCounts:
    """`counts` and a table of value and count."""
    return _compacted(replace(counts, parts=(*counts.parts, table)))


def merged(many: Iterable[ValueCounts]) -> ValueCounts:
    """All counts together."""
    lists = list(many)
    parts = tuple(part for counts in lists for part in counts.parts)
    limit = lists[0].limit if lists else None
    return _compacted(ValueCounts(parts, sum(counts.lost for counts in lists), limit))


def _compacted(counts: ValueCounts) -> ValueCounts:
    """Adds up what is new once it is much, or more than what was added up before."""
    sizes = [part.num_rows for part in counts.parts]
    return added(counts) if sum(sizes[1:]) > max(COMPACT_AT, sizes[0]) else counts


def added(counts: ValueCounts) -> ValueCounts:
    """One table, each value in it once, within the bounds."""
    table = pa.concat_tables([SCHEMA.empty_table(), *counts.parts])
    table = table.group_by("value").aggregate([("count", "sum")]).rename_columns(SCHEMA.names)
    # It comes in slices of 32,768 rows, each of which would be pickled with the memory of all.
    table = table.combine_chunks()
    room = _room(table, counts.limit)
    if table.num_rows <= room:
        return replace(counts, parts=(table,))
    by_count = np.sort(table["count"].to_numpy())[::-1]
    fall = int(by_count[room])
    kept = table.filter(pc.greater(table["count"], fall))
    fallen = pc.subtract(kept["count"], fall).cast(pa.int64())
    table = kept.set_column(1, "count", fallen)
    return replace(counts, parts=(table,), lost=counts.lost + fall)


def _room(table: pa.Table, limit: int | None) -> int:
    """How many values stay: all of them, or the number that leaves room for new ones."""
    most, kept = (LIMIT, KEPT) if limit is None else (limit, limit // 2)
    room = table.num_rows if table.num_rows <= most else kept
    if table.nbytes > MAX_BYTES:
        room = min(room, table.num_rows * MAX_BYTES // (2 * table.nbytes))
    return room


def chosen(
    counts: ValueCounts, size: int, min_count: int, first: pa.Array | None = None
) -> Entries:
    """The entries of the vocabulary: falling count, and of equal counts by the value's bytes.

    `first` are values that keep their places before all others, however rare they have become.
    A value whose count may have reached `min_count` counts as having reached it.

    >>> counts = with_values(ValueCounts(), pa.array(["b", "a", "c", "c"]))
    >>> entries = chosen(counts, size=2, min_count=1)
    >>> entries.values.to_pylist(), entries.counts.to_pylist(), entries.beyond_size
    (['c', 'a'], [2, 1], 1)
    """
    one = added(counts)
    (table,) = one.parts
    distinct, old = table.num_rows, _old(table, first)
    if first is not None:
        table = table.filter(pc.invert(pc.is_in(table["value"], first)))
    frequent = table.filter(pc.greater_equal(table["count"], min_count - one.lost))
    order = pc.sort_indices(frequent, [("count", "descending"), ("value", "ascending")])
    best = pa.concat_tables([old, frequent.take(order[: max(0, size - old.num_rows)])])
    best = best.combine_chunks()
    values, counted = (_whole(best[name]) for name in SCHEMA.names)
    rare = table.num_rows - frequent.num_rows
    beyond = frequent.num_rows - (best.num_rows - old.num_rows)
    return Entries(values, counted, distinct, rare, beyond, one.lost)


def _old(table: pa.Table, first: pa.Array | None) -> pa.Table:
    """`first` with its counts, 0 where none is left."""
    if first is None:
        return SCHEMA.empty_table()
    at = pc.index_in(first, table["value"].combine_chunks())
    return pa.table([first, pc.fill_null(table["count"].take(at), 0)], schema=SCHEMA)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays([pa.array([], column.type), *column.chunks])
