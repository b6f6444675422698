"""The memories of a spec: counted batch after batch, then written, with what is to be said of them.

Pairs of value and label are counted in the training rows, for each head that uses the memory; of
the other sides only the values, to say in how many rows the memory knows something.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.memory import prepare
from kinds.memory.averages.table import Averages
from kinds.memory.counting import (
    SCHEMA,
    PairCounts,
    added,
    label_counts,
    merged,
    row_counts,
    with_unseen,
)
from kinds.memory.keys import NO_KEY, keys_of
from kinds.memory.label_counts import LabelCounts
from pipeline import spec as specs
from pipeline.folders.data import DataFolder
from pipeline.preparing.places import by_place
from pipeline.preparing.reports import Key
from pipeline.preparing.spilled import Files, joined
from pipeline.sides import SIDES

# Of the values of a side so many are counted.
MOST_VALUES = 1_000_000


def add(
    found: dict[Key, PairCounts],
    rows: pa.RecordBatch,
    spec: specs.Spec,
    side: str,
    sizes: Mapping[str, int],
) -> None:
    """Counts a batch of features of one side. `sizes` is the number of values of each
    vocabulary. Of a head that predicts the next element of a list each element is counted."""
    placed = rows
    if spec.memories and side == "train" and spec.followed():
        reach = max(memory.reach for memory in spec.memories.values())
        placed = by_place(rows, spec, reach).features
    for name, memory in spec.memories.items():
        keys = keys_of(memory, spec.inputs, sizes)
        heads = _heads(spec, name)
        own = placed if set(heads) & set(spec.followed()) else rows
        of_rows = found.get((name, side), PairCounts(limit=MOST_VALUES))
        found[name, side] = prepare.values_of(of_rows, keys, own)
        for head in heads if side == "train" else ():
            pairs = found.get((name, side, head), PairCounts())
            several = spec.labels()[head].several
            own = placed if head in spec.followed() else rows
            found[name, side, head] = prepare.counted(pairs, keys, own, head, several=several)


def _heads(spec: specs.Spec, memory: str) -> list[str]:
    return [head for one, head in spec.remembered() if one == memory]


def write(
    found: Files[PairCounts],
    spec: specs.Spec,
    folder: DataFolder,
    sizes: Mapping[str, int],
) -> dict[str, dict[str, Any]]:
    """Writes what each memory knows of each head, and gives what the statistics say of it. `sizes`
    is the number of values of each vocabulary."""
    said: dict[str, dict[str, Any]] = {}
    for name, head in spec.remembered():
        memory, pairs = spec.memories[name], added(joined(found[name, "train", head], merged))
        if not memory.of and not spec.labels()[head].several:
            pairs = with_unseen(pairs, sizes[spec.labels()[head].vocabulary])
        counted = row_counts if spec.labels()[head].several else label_counts
        counts = counted(pairs, most=memory.labels, min_count=memory.min_count)
        folder.write_memory(name, head, counts)
        known = known_shares(found, name, counts)
        said.setdefault(name, {})[head] = _said(counts, pairs) | {"known": known}
    return said


def known_shares(
    found: Files[PairCounts], name: str, known: LabelCounts | Averages
) -> dict[str, float]:
    """The share of rows of each side whose value a memory knows."""
    sides = [side for side in SIDES if (name, side) in found]
    return {side: _known(known, joined(found[name, side], merged), side) for side in sides}


def _said(counts: LabelCounts, pairs: PairCounts) -> dict[str, Any]:
    values = len(np.unique(pairs.parts[0]["key"].to_numpy()))
    return {
        "values": len(counts.keys),
        "below_min_count": values - len(counts.keys),
        "pairs": len(counts.labels),
        "beyond_labels": int(counts.distinct.sum()) - len(counts.labels),
        "weights_low_by_at_most": pairs.lost,
        "totals_low_by_at_most": pairs.lost_totals,
        "bytes": counts.file_bytes(),
    }


def _known(counts: LabelCounts | Averages, values: PairCounts, side: str) -> float:
    """The share of rows whose value the memory knows; of training rows, from other rows."""
    table = added(values).parts[0]
    keys, rows = (table[name].to_numpy() for name in SCHEMA.names if name in ("key", "rows"))
    known = (keys != NO_KEY) & (counts.places(keys) < len(counts.keys))
    if side == "train":
        known &= rows > 1
    return float(rows[known].sum() / max(1, rows.sum()))
