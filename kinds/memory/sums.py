"""Sums by key, a batch at a time: tables whose equal keys are added up now and then. Pyarrow."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.large_rows import give_back

# So many rows are kept at most, however many keys there are.
LIMIT = 4_000_000
# Sums wait as they came until there are this many, then those of equal keys are added up.
COMPACT_AT = 1 << 18
# Of many rows, those of so many parts of the keys are added up one after the other: what groups
# them takes several times their own memory.
PARTS = 16


def summed(tables: Sequence[pa.Table], by: Sequence[str], schema: pa.Schema) -> pa.Table:
    """One table: rows that are alike in the first columns, `by`, as one, with the sums of the other
    columns. The first column is whole numbers."""
    if sum(table.num_rows for table in tables) <= COMPACT_AT:
        return _summed(tables, by, schema)
    found = pa.concat_tables(
        _summed(_part(tables, by[0], part), by, schema) for part in range(PARTS)
    )
    columns = []
    for name in schema.names:
        columns.append(found[name].combine_chunks())
        found = found.drop_columns(name)  # so that only one column is there twice
    give_back()
    return pa.table(columns, schema=schema)


def _part(tables: Sequence[pa.Table], key: str, part: int) -> list[pa.Table]:
    """The rows of every PARTS-th key."""
    last = pa.scalar(PARTS - 1, pa.int64())
    return [one.filter(pc.equal(pc.bit_wise_and(one[key], last), part)) for one in tables]


def _summed(tables: Sequence[pa.Table], by: Sequence[str], schema: pa.Schema) -> pa.Table:
    sums = [(name, "sum") for name in schema.names[len(by) :]]
    table = pa.concat_tables([schema.empty_table(), *tables])
    # One thread: sums of floats in the order of the rows are the same in every run.
    found = table.group_by(list(by), use_threads=False).aggregate(sums)
    return found.rename_columns(schema.names).cast(schema).combine_chunks()


def is_due(parts: Sequence[pa.Table], limit: int) -> bool:
    """Whether what is new is much, and more than what was added up before, which is the first, or
    than a quarter of the limit: what is added up is in memory beside the sums."""
    sizes = [part.num_rows for part in parts]
    before = min(sum(sizes[:1]), limit // 4)
    return sum(sizes[1:]) > max(min(COMPACT_AT, limit), before)
