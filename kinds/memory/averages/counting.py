"""Sums of targets by value and fold, a batch at a time, in bounded memory. Pyarrow and numpy.

Up to LIMIT pairs of a value and a fold all sums are exact. Beyond, the values with the fewest rows
are forgotten, whole: `lost` is how many rows a value may have had that is not there. The sums of
the values that are kept are low by no more rows than that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.memory.averages import FOLDS
from kinds.memory.averages.table import Averages, of_folds
from kinds.memory.keys import NO_KEY, Keys
from kinds.memory.prepare import ids_in, weights_in
from kinds.memory.sums import LIMIT, is_due, summed
from kinds.prepare import flat

Array = npt.NDArray[Any]

SCHEMA = pa.schema(
    [
        ("key", pa.int64()),
        ("fold", pa.int8()),
        ("weight", pa.float64()),
        ("total", pa.float64()),
        ("rows", pa.int64()),
    ]
)


def _nothing() -> Array:
    return np.zeros(FOLDS)


@dataclass(frozen=True)
class FoldSums:
    """Tables of key, fold and sums; a pair of key and fold may be in several. `weight` and `total`
    are the sums of all rows by fold."""

    parts: tuple[pa.Table, ...] = ()
    weight: Array = field(default_factory=_nothing)
    total: Array = field(default_factory=_nothing)
    lost: int = 0
    limit: int = LIMIT


def counted(
    sums: FoldSums, keys: Keys, features: pa.RecordBatch, head: str, folds: Array
) -> FoldSums:
    """`sums` and the rows of a batch of features that have a target."""
    target = flat(features, head).astype(np.float64)
    weight = np.where(np.isnan(target), 0.0, weights_in(features))
    total = weight * np.nan_to_num(target)
    sums = replace(
        sums,
        weight=sums.weight + np.bincount(folds, weight, FOLDS),
        total=sums.total + np.bincount(folds, total, FOLDS),
    )
    key = keys.looked_up(ids_in(features))
    there = (key != NO_KEY) & (weight > 0)
    columns = (key, folds.astype(np.int8), weight, total, np.ones(len(key), np.int64))
    table = pa.table([column[there] for column in columns], schema=SCHEMA)
    return _compacted(replace(sums, parts=(*sums.parts, _summed([table]))))


def merged(many: Iterable[FoldSums]) -> FoldSums:
    """All sums together."""
    lists = list(many)
    return _compacted(
        FoldSums(
            tuple(part for sums in lists for part in sums.parts),
            np.sum([sums.weight for sums in lists], axis=0),
            np.sum([sums.total for sums in lists], axis=0),
            sum(sums.lost for sums in lists),
            lists[0].limit,
        )
    )


def _compacted(sums: FoldSums) -> FoldSums:
    return added(sums) if is_due(sums.parts, sums.limit) else sums


def added(sums: FoldSums) -> FoldSums:
    """One table, each pair in it once, within the limit."""
    table = _summed(sums.parts)
    if table.num_rows <= sums.limit:
        return replace(sums, parts=(table,))
    values, value = np.unique(table["key"].to_numpy(), return_inverse=True)
    rows = np.bincount(value, table["rows"].to_numpy())
    # A value has at most FOLDS pairs: so many values leave half of the room for new ones.
    order = np.lexsort((values, -rows))[: sums.limit // (2 * FOLDS)]
    kept = np.zeros(len(values), bool)
    kept[order] = True
    lost = int(rows[~kept].max(initial=0))
    return replace(sums, parts=(table.filter(pa.array(kept[value])),), lost=sums.lost + lost)


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    return summed(tables, ("key", "fold"), SCHEMA)


def averages(sums: FoldSums, min_count: int) -> Averages:
    """What a memory knows: the sums of the values with `min_count` rows."""
    (table,) = added(sums).parts
    key, fold, weight, total, rows = (table[name].to_numpy() for name in SCHEMA.names)
    found = of_folds(key, fold.astype(np.int64), weight, total, rows, min_count)
    return Averages(*found, sums.weight, sums.total)
