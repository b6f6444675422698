"""Counts of an earlier run under the ids of vocabularies that have grown since. NumPy only.

What was counted then stays as it was, to the bit. Only keys that hold a new id are taken from the
new counts: no row without a new id is looked up by one of them.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.inputs.keys import NONE, Key
from kinds.memory.keys import Keys
from kinds.memory.label_counts import LabelCounts

Array = npt.NDArray[Any]


def renumbered(keys: Array, old: Keys, new: Keys) -> Array:
    """Keys as they are where their parts have more values; their order stays.

    >>> old, new = (Keys((Key("x", n + 2, n, n + 1), Key("y", 3))) for n in (2, 5))
    >>> renumbered(np.array([4, 9]), old, new).tolist()
    [4, 18]
    """
    ids = old.parts_of(keys)
    moved = [_moved(own, *parts) for own, *parts in zip(ids, old.parts, new.parts, strict=True)]
    return new.combined(moved) if len(keys) else keys


def _moved(ids: Array, old: Key, new: Key) -> Array:
    """The ids of one part: those of unknown and missing values come after all others."""
    found = ids
    for before, after in ((old.unknown, new.unknown), (old.missing, new.missing)):
        found = np.where((ids == before) & (before != NONE), after, found)
    return np.asarray(found)


def holds_new(keys: Array, old: Keys, new: Keys) -> Array:
    """bool [keys]: which of the new keys have an id that was not there."""
    ids = new.parts_of(keys)
    parts = zip(ids, old.parts, new.parts, strict=True)
    found = [(own >= before.values) & (own < after.values) for own, before, after in parts]
    return np.logical_or.reduce(found)


def carried(
    earlier: LabelCounts, counted: LabelCounts, old: Keys, new: Keys, labels: tuple[int, int]
) -> LabelCounts:
    """The earlier counts, and those `counted` for keys with a new id, which list no more labels
    than the earlier ones do. `labels`: how many the vocabulary had and has; what counts for all
    others comes after them."""
    there = np.flatnonzero(holds_new(counted.keys, old, new))
    most = int(max(1, np.diff(earlier.offsets).max(initial=0)))
    added = _some(counted, there, most)
    had, has = labels
    kept = replace(
        earlier,
        keys=renumbered(earlier.keys, old, new),
        labels=np.where(earlier.labels >= had, earlier.labels + (has - had), earlier.labels),
        own_unit=earlier.unit,
    )
    return _joined(kept, added)


def _some(counts: LabelCounts, places: Array, most: int) -> LabelCounts:
    """Of the values at these places, with at most so many labels of each."""
    lengths = np.minimum(np.diff(counts.offsets)[places], most)
    pairs = _pairs(counts.offsets[places], lengths)
    return LabelCounts(
        counts.keys[places],
        counts.totals[places],
        counts.distinct[places],
        np.append(0, np.cumsum(lengths)),
        counts.labels[pairs],
        counts.weights[pairs],
        counts.rows[pairs],
    )


def _pairs(starts: Array, lengths: Array) -> Array:
    """The places of so many pairs from each start on."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def _joined(kept: LabelCounts, added: LabelCounts) -> LabelCounts:
    """Both, by rising keys."""
    both = (kept, added)

    def side_by_side(name: str) -> Array:
        return np.concatenate([getattr(one, name) for one in both])

    order = np.argsort(side_by_side("keys"), kind="stable")
    starts = np.concatenate([kept.offsets[:-1], added.offsets[:-1] + len(kept.labels)])
    lengths = np.concatenate([np.diff(one.offsets) for one in both])[order]
    pairs = _pairs(starts[order], lengths)
    arrays = {name: side_by_side(name)[order] for name in ("keys", "totals", "distinct")}
    arrays |= {name: side_by_side(name)[pairs] for name in ("labels", "weights", "rows")}
    offsets = np.append(0, np.cumsum(lengths))
    return LabelCounts(**arrays, offsets=offsets, own_unit=kept.own_unit)
