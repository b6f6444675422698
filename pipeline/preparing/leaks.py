"""Examples that are on two sides of the split: what is measured on them is memory, not skill.

Each side keeps the KEPT smallest hashes of its examples, and the first row of each (a bottom-k
sketch: Cohen and Kaplan 2007), so memory is bounded at any number of rows. Two sides are compared
where both know all hashes: everywhere in small data, on the same random part of both in large
data. The same is done with the rows' keys. Numpy and pyarrow only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import Analysis
from kinds.lists import list_lengths
from kinds.prepare import Which
from pipeline import spec as specs
from pipeline.sides import SIDES, Hashes, hashes, scrambled

KEPT = 1 << 15
EXAMPLES, KEYS = "examples", "keys"
# The feature that tells rows apart whose values are unknown: not written to examples.
TEXTS = "row.texts"
_SHOWN = 3
# Odd numbers without a pattern: no small value at one place is another at the next.
_BY_VALUE, _BY_PLACE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sketch:
    """The smallest hashes of a side, rising: how many rows had each, and the origin of its first
    (pipeline.preparing.reading)."""

    hashes: Hashes
    counts: Integers
    origins: Integers

    @property
    def limit(self) -> int:
        """Up to here all hashes of the side are known."""
        return int(self.hashes[-1]) if len(self.hashes) == KEPT else (1 << 64) - 1


# By what is compared, EXAMPLES or KEYS, and the side.
Sketches = Mapping[tuple[str, str], Sketch]
Place = Callable[[int], dict[str, Any]]


def sketched(found: Hashes, origins: Integers, than: Sketch | None) -> Sketch | None:
    """`than` with the hashes of more rows; None where there are none yet."""
    if than is not None:
        small = found <= np.uint64(than.limit)
        found, origins = found[small], origins[small]
    if not len(found):
        return than
    new = _counted(found, np.ones(len(found), np.int64), origins)
    return new if than is None else both(than, new)


def both(one: Sketch, other: Sketch) -> Sketch:
    """The sketch of the rows of both."""
    parts = [(s.hashes, s.counts, s.origins) for s in (one, other)]
    return _counted(*(np.concatenate(pair) for pair in zip(*parts, strict=True)))


def _counted(found: Hashes, counts: Integers, origins: Integers) -> Sketch:
    """Each hash once, the smallest KEPT of them."""
    order = np.argsort(found, kind="stable")
    rising = found[order]
    starts = np.flatnonzero(np.append(True, rising[1:] != rising[:-1]))
    end = starts[KEPT] if len(starts) > KEPT else len(order)
    order, starts = order[:end], starts[:KEPT]
    counts = np.add.reduceat(counts[order], starts)
    return Sketch(rising[starts], counts, np.minimum.reduceat(origins[order], starts))


def example_hashes(features: pa.RecordBatch, names: Sequence[str]) -> Hashes:
    """uint64 [rows]: equal where a model would see no difference between two rows, other than that
    between two unknown values."""
    mixed = np.zeros(features.num_rows, np.uint64)
    for name in names:
        mixed = scrambled(mixed) + _list_hashes(features.column(name))
    if TEXTS in features.schema.names:
        texts = features.column(TEXTS).to_numpy()
        mixed = np.where(texts > 0, scrambled(mixed) + texts, mixed)
    return scrambled(mixed)


def texts_of(rows: pa.RecordBatch, analyses: Iterable[Analysis], which: Which) -> pa.Array:
    """uint64 [rows]: of `which` rows a hash of the texts that are looked up, of others 0.

    To the model all unknown values are one, but that does not make two rows the same.
    """
    hashed = np.zeros(rows.num_rows, np.uint64)
    some, mixed = rows.filter(pa.array(which)), np.zeros(int(which.sum()), np.uint64)
    for one in analyses:
        column = some.column(one.field.output)
        if (lists := one.lists(column)) is not None:
            found = _run_hashes(_text_hashes(lists.flatten()), list_lengths(lists))
        else:
            found = _text_hashes(column)
        mixed = scrambled(mixed) + found
    hashed[which] = scrambled(mixed) | np.uint64(1)
    return pa.array(hashed)


def _text_hashes(texts: pa.Array) -> Hashes:
    """Of each text; a missing one is as an empty one. Every distinct text is hashed once."""
    encoded = pc.fill_null(texts, "").dictionary_encode()
    return _byte_hashes(encoded.dictionary)[encoded.indices.to_numpy()]


def _byte_hashes(texts: pa.Array) -> Hashes:
    """Of each text, by its bytes."""
    whole = pa.concat_arrays([texts.cast(pa.large_binary())])
    offsets = np.frombuffer(whole.buffers()[1], np.int64)[whole.offset :][: len(whole) + 1]
    if not len(whole) or offsets[-1] == offsets[0]:
        return _run_hashes(np.zeros(0, np.uint64), np.zeros(len(whole), np.int64))
    data = np.frombuffer(whole.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    return _run_hashes(data.astype(np.uint64), np.diff(offsets))


def _list_hashes(lists: pa.Array) -> Hashes:
    """Of each list of numbers, in their order."""
    values = lists.flatten().to_numpy(zero_copy_only=False)
    bits = values.view(np.uint32 if values.dtype == np.float32 else np.uint64).astype(np.uint64)
    return _run_hashes(bits, list_lengths(lists))


def _run_hashes(bits: Hashes, lengths: Integers) -> Hashes:
    """Of each run of so many of the values, in their order."""
    if (lengths == 1).all():
        sums = scrambled(bits * _BY_VALUE)
    else:
        ends = np.cumsum(lengths)
        place = (np.arange(len(bits)) - np.repeat(ends - lengths, lengths)).astype(np.uint64)
        placed = scrambled(bits * _BY_VALUE + place * _BY_PLACE)
        below = np.append(np.uint64(0), np.cumsum(placed))
        sums = below[ends] - below[ends - lengths]
    return scrambled(sums + lengths.astype(np.uint64))


def key_hashes(keys: Sequence[pa.Array]) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """uint64 [rows]: of each row's keys; and whether it has them all."""
    there = np.ones(len(keys[0]), bool)
    for key in keys:
        there &= key.is_valid().to_numpy(zero_copy_only=False)
    return hashes(keys), there


def may_share_keys(spec: specs.Spec) -> bool:
    """Whether a key may be on two sides unasked: not where the sides are chosen by keys, and not
    where a list has elements on each."""
    if isinstance(spec.split, specs.LastSplit) and spec.split.of_elements:
        return False
    by_keys = isinstance(spec.split, specs.HashSplit) and set(spec.split.columns) <= set(spec.keys)
    return bool(spec.keys) and not by_keys


def leaks(sketches: Sketches, place: Place) -> dict[str, dict[str, Any]]:
    """{examples or keys: {side: how many of the compared rows are in train too, and some}}.

    `place` gives the file and row of an origin.
    """
    found: dict[str, dict[str, Any]] = {EXAMPLES: {}, KEYS: {}}
    for (what, side), sketch in sorted(sketches.items()):
        train = sketches.get((what, SIDES[0]))
        if side != SIDES[0] and train is not None:
            found[what][side] = _leak(train, sketch, place)
            found[what][side]["repeated_in_train"] = _repeated(train)
    return found


def _repeated(train: Sketch) -> float:
    """The share of train's rows of which it has another."""
    return float(train.counts[train.counts > 1].sum() / max(1, train.counts.sum()))


def _leak(train: Sketch, other: Sketch, place: Place) -> dict[str, Any]:
    limit = np.uint64(min(train.limit, other.limit))
    known = np.searchsorted(other.hashes, limit, side="right")
    _, here, there = np.intersect1d(
        other.hashes[:known], train.hashes, assume_unique=True, return_indices=True
    )
    pairs = sorted(zip(other.origins[here].tolist(), train.origins[there].tolist(), strict=True))
    return {
        "compared": int(other.counts[:known].sum()),
        "in_train": int(other.counts[here].sum()),
        "shown": [{"row": place(one), "train": place(first)} for one, first in pairs[:_SHOWN]],
    }
