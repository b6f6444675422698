"""Keys of a memory: one int64 a row for the values that its inputs have together. NumPy only.

A key is a number in mixed radix whose digits are the ids of the inputs. A missing value has an id
like any other: that a row names no maker says something, too. A row with a value outside its
vocabulary has no key, since such values have nothing in common.

kinds.memory.key_tensors does the same with tensors.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinds.inputs.keys import Key

if TYPE_CHECKING:
    from kinds.inputs.part import InputPart
    from kinds.memory.spec import Memory

Array = npt.NDArray[Any]
NO_KEY = -1
# In a sequence a label counts this many times as much for a value as for the one before it.
DECAY = 0.7


@dataclass(frozen=True)
class Keys:
    """What the rows are counted by: the ids of some inputs, and how far back in a sequence."""

    parts: tuple[Key, ...]
    reach: int = 1

    def combined(self, ids: Sequence[Array]) -> Array:
        """int64 [rows]; NO_KEY where one of the ids is unknown.

        >>> maker, month = Key("maker", 10, unknown=8, missing=9), Key("month", 13)
        >>> Keys((maker, month)).combined([np.array([2, 8, 9]), np.array([3, 3, 0])]).tolist()
        [29, -1, 117]
        """
        key, known = np.zeros(len(ids[0]), np.int64), np.ones(len(ids[0]), bool)
        for part, own in zip(self.parts, ids, strict=True):
            key = key * part.ids + (own if part.ids > 1 else 0)
            known &= own != part.unknown
        return np.where(known, key, NO_KEY)

    def looked_up(self, ids_of: Callable[[Key], Array]) -> Array:
        """int64 [rows]: what each row is looked up by. `ids_of` gives the ids of the rows."""
        return self.combined([ids_of(part) for part in self.parts])

    def parts_of(self, keys: Array) -> list[Array]:
        """The ids that keys are made of, int64 [keys] for each part.

        >>> maker, month = Key("maker", 10), Key("month", 13)
        >>> [ids.tolist() for ids in Keys((maker, month)).parts_of(np.array([29, 117]))]
        [[2, 9], [3, 0]]
        """
        found: list[Array] = []
        for part in reversed(self.parts):
            keys, ids = np.divmod(keys, part.ids)
            found.insert(0, ids)
        return found

    def counted(self, ids_of: Callable[[Key], Array]) -> Iterator[tuple[Array, float]]:
        """The keys for which a row's label counts, nearest first, and how much it does for each."""
        yield self.looked_up(ids_of), 1.0
        (part, *_), decay = self.parts, np.float32(DECAY)
        for back in range(1, self.reach):
            ids = ids_of(replace(part, place=(part.place or 0) + back))
            is_there = ids != part.missing
            yield np.where(is_there, self.combined([ids]), NO_KEY), float(decay**back)

    def own(self, ids_of: Callable[[Key], Array]) -> tuple[Array, Array]:
        """What each row has itself added to the value that it is looked up by, for a weight of 1:
        float64 [rows], how much, and int64 [rows], how many times."""
        key = self.looked_up(ids_of)
        share, times = np.zeros(len(key)), np.zeros(len(key), np.int64)
        for other, weight in self.counted(ids_of):
            same = (other == key) & (key != NO_KEY)
            share, times = share + weight * same, times + same
        return share, times


def places_in(values: Array, keys: Array) -> Array:
    """The place of each key among the values, which rise; their number where it is none of them.

    >>> places_in(np.array([3, 7]), np.array([7, 5, -1])).tolist()
    [1, 2, 2]
    """
    at = np.searchsorted(values, keys)
    if not len(values):
        return at
    return np.where(values[np.minimum(at, len(values) - 1)] == keys, at, len(values))


def keys_of(
    memory: "Memory", inputs: "Mapping[str, InputPart]", entries: Mapping[str, int]
) -> Keys:
    """The keys of a memory over these inputs. `entries` is the number of values of each vocabulary,
    as the examples have them."""
    named = [one.partition(".") for one in memory.of]
    parts = tuple(inputs[name].keys(name, entries)[part] for name, _, part in named)
    return Keys(parts or (_of_every_row(inputs, entries),), memory.reach)


def _of_every_row(inputs: "Mapping[str, InputPart]", entries: Mapping[str, int]) -> Key:
    """The key that all rows have."""
    keys = (key for name, part in inputs.items() for key in part.keys(name, entries).values())
    key = next(keys)
    return Key(key.feature, 1, place=key.place)


def padded_ids(features: Mapping[str, Array]) -> Callable[[Key], Array]:
    """The ids of a batch as the trainer has it: [rows], or [rows, length] padded on the left."""

    def ids_of(key: Key) -> Array:
        ids = features[key.feature]
        if key.place is not None:
            rows, length = ids.shape
            there = key.place <= length
            ids = ids[:, -key.place] if there else np.full(rows, key.missing)
        ids = ids.astype(np.int64)
        if key.missing_flag is not None:
            ids[features[key.missing_flag] == 1] = key.missing
        return ids

    return ids_of
