"""Counts of an earlier run under larger vocabularies: the old ones to the bit, new keys added."""

import numpy as np
import pytest

from kinds.inputs.keys import Key
from kinds.memory.carried import carried, holds_new, renumbered
from kinds.memory.keys import Keys
from kinds.memory.label_counts import LabelCounts, of_pairs

LABELS = (4, 6)


def keys(makers: int, shops: int) -> Keys:
    return Keys(
        (Key("maker", makers + 2, makers, makers + 1), Key("shop", shops + 2, shops, shops + 1))
    )


OLD, NEW = keys(5, 3), keys(8, 4)


def counts(of: Keys, makers: int, shops: int, labels: int, seed: int) -> LabelCounts:
    """Of rows with known and missing values and labels up to the one for all others."""
    draw = np.random.default_rng(seed)
    ids = [
        np.where(draw.random(300) < 0.1, part.missing, draw.integers(0, values, 300))
        for part, values in zip(of.parts, (makers, shops), strict=True)
    ]
    pairs = np.stack([of.combined(ids), draw.integers(0, labels + 1, 300)])
    (found, rows) = np.unique(pairs, axis=1, return_counts=True)
    return of_pairs(found[0], found[1], rows * 0.7, rows, most=3)


def by_value(found: LabelCounts, of: Keys, labels: int) -> dict[tuple[str, ...], object]:
    """What is known of each value, with words for missing values and other labels."""

    def name(part: Key, own: int) -> str:
        return "missing" if own == part.missing else str(own)

    said: dict[tuple[str, ...], object] = {}
    for at, ids in enumerate(zip(*of.parts_of(found.keys), strict=True)):
        own = slice(found.offsets[at], found.offsets[at + 1])
        told = ["other" if x == labels else str(x) for x in found.labels[own].tolist()]
        value = tuple(name(part, int(x)) for part, x in zip(of.parts, ids, strict=True))
        said[value] = (found.totals[at], told, found.weights[own].tolist())
    return said


def test_old_values_stay_and_only_those_with_a_new_id_are_added() -> None:
    earlier, now = counts(OLD, 5, 3, 4, seed=1), counts(NEW, 8, 4, 6, seed=2)
    both = carried(earlier, now, OLD, NEW, LABELS)
    before, added = by_value(earlier, OLD, 4), by_value(now, NEW, 6)
    new = {v for v in added if v[0] in ("5", "6", "7") or v[1] == "3"}
    assert by_value(both, NEW, 6) == before | {value: added[value] for value in new}
    assert (np.diff(both.keys) > 0).all()
    assert both.unit == earlier.unit
    assert holds_new(both.keys, OLD, NEW).sum() == len(new)


def test_new_values_list_no_more_labels_than_old_ones() -> None:
    """Sums over a longer list might round otherwise."""
    earlier, now = counts(OLD, 5, 3, 0, seed=1), counts(NEW, 8, 4, 6, seed=2)
    assert np.diff(earlier.offsets).max() == 1
    both = carried(earlier, now, OLD, NEW, LABELS)
    assert np.diff(both.offsets).max() == 1


def test_the_unit_of_old_counts_survives_a_file() -> None:
    both = carried(counts(OLD, 5, 3, 4, 1), counts(NEW, 8, 4, 6, 2), OLD, NEW, LABELS)
    assert LabelCounts.from_arrays(both.arrays()).unit == both.unit
    assert "own_unit" not in counts(OLD, 5, 3, 4, 1).arrays()


@pytest.mark.parametrize("nothing", [OLD, NEW])
def test_keys_keep_their_order(nothing: Keys) -> None:
    found = counts(OLD, 5, 3, 4, seed=3).keys
    assert (np.diff(renumbered(found, OLD, NEW)) > 0).all()
    assert len(renumbered(np.zeros(0, np.int64), OLD, nothing)) == 0
