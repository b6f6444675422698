"""Whether the order of lists' elements means something: then what comes next can be predicted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import list_lengths, lists_of
from kinds.looks import names
from kinds.looks.column import Column
from kinds.looks.number_forms import numbers_in

_LOOKED_AT = 500_000
_SEED = 4
_LONG, _SHORT = 5, 2.5
# A pair of neighbours that comes again does so this often by chance, before it says something.
_ENOUGH_PAIRS = 30
_MORE, _SAME = 1.3, 1.1
_AGAIN = 0.02
_ALWAYS = 0.98
# Beyond this either way the lists leave no doubt.
_SURE = 2.0

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """Above 0 the order of the elements means something, below they are a set. What speaks for
    either, in words."""

    weight: float
    of_order: str
    of_sets: str

    @property
    def means_something(self) -> bool:
        return self.weight > 0

    @property
    def is_sure(self) -> bool:
        return abs(self.weight) >= _SURE


def order_of(column: Column) -> Order | None:
    """None where a column has no lists of values that come again."""
    if not _has_lists(column):
        return None
    found = [sign for sign in _signs(column) if sign[0]]
    order = [said for weight, said in found if weight > 0]
    sets = [said for weight, said in found if weight < 0]
    # Without a sign they are sets.
    return Order(sum(w for w, _ in found) - 0.5, ", ".join(order), ", ".join(sets))


def _has_lists(column: Column) -> bool:
    if column.weights or column.said == "id" or column.said == "text":
        return False
    if not column.is_list:
        # Words in a row are running text, unless the name says otherwise.
        named = names.says(column.column, names.HISTORIES)
        return column.listed is not None or (named and column.is_running and not column.is_written)
    numbers = numbers_in(column.present.slice(0, 10_000))
    measured = numbers is not None and bool((numbers.values != np.rint(numbers.values)).any())
    return column.elements.total >= 2 * column.elements.distinct > 2 and not measured


def _signs(column: Column) -> list[tuple[float, str]]:
    """(weight, words): above 0 for an order, below for sets."""
    signs: list[tuple[float, str]] = []
    if names.says(column.column, names.HISTORIES):
        signs.append((2, "a name of what happens one after the other"))
    elif names.says(column.column, names.SETS):
        signs.append((-3, "a name of sets"))
    lists = _some(column.lists)
    lengths = list_lengths(lists)
    mean = float(lengths.mean()) if len(lengths) else 0.0
    if mean > _LONG:
        signs.append((1, f"{mean:.1f} elements on average"))
    elif mean < _SHORT:
        signs.append((-1, f"{mean:.1f} elements on average"))
    codes, owners = _codes(lists), np.repeat(np.arange(len(lengths)), lengths)
    again = _share_with_repeats(codes, owners)
    if again >= _AGAIN:
        signs.append((2, f"{again:.0%} of the lists have an element twice"))
    if _are_in_one_order(lists, codes, owners):
        signs.append((-3, "elements always stand in the same order, as sorted ones do"))
    elif (more := _recurrence(codes, owners)) is not None and more >= _MORE:
        said = f"the same neighbours come again {more:.1f} times as often as in any order"
        signs.append((2, said))
    elif more is not None and more <= _SAME:
        signs.append((-2, "neighbours are as in any order"))
    return signs


def _some(lists: pa.Array) -> pa.Array:
    """As many lists as have a bounded number of elements, none of them null."""
    ends = np.cumsum(list_lengths(lists))
    some = lists.slice(0, max(1, int(np.searchsorted(ends, _LOOKED_AT))))
    return lists_of(some.flatten(), list_lengths(some))


def _codes(lists: pa.Array) -> Integers:
    indices = lists.values.dictionary_encode().indices
    return np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False), np.int64)


def _share_with_repeats(codes: Integers, owners: Integers) -> float:
    """Of the lists, those that hold an element twice."""
    pairs, counts = np.unique(_paired(owners, codes), return_counts=True)
    repeated = np.unique(pairs[counts > 1] // (codes.max(initial=0) + 2))
    return len(repeated) / max(1, len(np.unique(owners)))


def _paired(one: Integers, other: Integers) -> Integers:
    return one * (other.max(initial=0) + 2) + other + 1


def _are_in_one_order(lists: pa.Array, codes: Integers, owners: Integers) -> bool:
    """Whether the elements of all lists follow one order: of letters, of numbers, or another in
    which of two neighbours always the same one comes first."""
    beside = owners[:-1] == owners[1:]
    differ = beside & (codes[:-1] != codes[1:])
    if not differ.any():
        return False
    values = lists.values.dictionary_encode().dictionary
    ranks = [np.asarray(pc.rank(pc.utf8_lower(values)))]
    if (numbers := numbers_in(values)) is not None:
        ranks.append(numbers.values)
    for rank in ranks:
        own = rank[codes]
        rising = float((own[:-1] <= own[1:])[differ].mean())
        if max(rising, 1 - rising) >= _ALWAYS:
            return True
    return _one_first(codes[:-1][differ], codes[1:][differ])


def _one_first(one: Integers, other: Integers) -> bool:
    """Whether of two neighbours always the same one comes first, as far as they come again."""
    size = max(int(one.max()), int(other.max())) + 1
    pair = np.minimum(one, other) * size + np.maximum(one, other)
    _, place, counts = np.unique(pair, return_inverse=True, return_counts=True)
    first = np.bincount(place, one < other)
    several = counts >= 2
    if several.sum() < _ENOUGH_PAIRS:
        return False
    most = np.maximum(first, counts - first)[several].sum()
    return bool(most / counts[several].sum() >= _ALWAYS)


def _recurrence(codes: Integers, owners: Integers) -> float | None:
    """How many times as often two neighbours come again as when each list is in any order; None
    where too few do."""
    mixed = np.random.default_rng(_SEED).permutation(len(codes))
    mixed = mixed[np.argsort(owners[mixed], kind="stable")]
    found, by_chance = (_coincidences(own, owners) for own in (codes, codes[mixed]))
    return None if max(found, by_chance) < _ENOUGH_PAIRS else found / max(1.0, by_chance)


def _coincidences(codes: Integers, owners: Integers) -> float:
    """Twos of places in which the same pair of different neighbours stands."""
    beside = (owners[:-1] == owners[1:]) & (codes[:-1] != codes[1:])
    pairs = _paired(codes[:-1][beside], codes[1:][beside])
    _, counts = np.unique(pairs, return_counts=True)
    return float((counts * (counts - 1) / 2).sum())
