"""What a batch of examples adds to a memory: its values with the labels of a head. Pyarrow."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.heads.labels.numbering import MISSING
from kinds.inputs.keys import Key
from kinds.lists import list_lengths
from kinds.memory.counting import ROWS, PairCounts, with_pairs
from kinds.memory.keys import NO_KEY, Keys
from kinds.names import WEIGHT
from kinds.prepare import flat

Array = npt.NDArray[Any]


def counted(
    counts: PairCounts,
    keys: Keys,
    features: pa.RecordBatch,
    head: str,
    *,
    several: bool = False,
) -> PairCounts:
    """`counts` and the rows of a batch of features that have a target and count for something. With
    `several` labels a row, the rows are counted as well."""
    labels = flat(features, head)
    row = np.repeat(np.arange(features.num_rows), list_lengths(features.column(head)))
    weight = weights_in(features)[row]
    there, is_missing = (labels != MISSING) & (weight > 0), row[labels == MISSING]
    labels, row, weight = labels[there], row[there], weight[there]
    if several:
        known = weights_in(features) > 0
        known[is_missing] = False
        labels = np.concatenate([labels, np.full(known.sum(), ROWS)])
        row = np.concatenate([row, np.flatnonzero(known)])
        weight = weights_in(features)[row]
    for key, share in keys.counted(ids_in(features)):
        known = key[row] != NO_KEY
        counts = with_pairs(counts, key[row][known], labels[known], share * weight[known])
    return counts


def values_of(counts: PairCounts, keys: Keys, features: pa.RecordBatch) -> PairCounts:
    """`counts` and the values by which the rows are looked up, all under one label; rows without a
    value have NO_KEY."""
    key = keys.looked_up(ids_in(features))
    return with_pairs(counts, key, np.zeros(len(key), np.int32), np.ones(len(key)))


def weights_in(features: pa.RecordBatch) -> Array:
    """float64 [rows]: how much each row counts."""
    if WEIGHT in features.schema.names:
        return flat(features, WEIGHT).astype(np.float64)
    return np.ones(features.num_rows)


def ids_in(features: pa.RecordBatch) -> Callable[[Key], Array]:
    """The ids of a batch of features."""

    def ids_of(key: Key) -> Array:
        column = features.column(key.feature)
        ids = flat(features, key.feature).astype(np.int64)
        if key.place is not None:
            lengths = list_lengths(column)
            at = np.cumsum(lengths) - key.place
            ids = np.append(ids, key.missing)[np.where(lengths >= key.place, at, len(ids))]
        if key.missing_flag is not None:
            ids[flat(features, key.missing_flag) == 1] = key.missing
        return ids

    return ids_of
