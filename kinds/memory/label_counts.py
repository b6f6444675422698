"""Labels counted for each value: what a memory knows of a head that chooses labels.

Numpy only. A value is an int64 key, made of the ids of the memory's inputs. For each the most
frequent labels are kept with their weights; the total and the number of distinct labels are those
of all its labels, kept or not.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.keys import places_in

Array = npt.NDArray[Any]

# Of many pairs, those of some values are put in order at once: that takes several times their own
# memory.
AT_ONCE = 1 << 18


@dataclass(frozen=True)
class LabelCounts:
    """V values with T kept pairs of value and label.

    keys: int64 [V], rising
    totals: float64 [V], the weights of a value's rows that have a target
    distinct: int64 [V], how many labels occur with it
    offsets: int64 [V + 1]; the labels of value v are offsets[v] to offsets[v + 1]
    labels: int32 [T], the heaviest first, of equal ones the lower id first
    weights: float64 [T], the weight of the rows of each pair
    rows: int64 [T], their number: a row left out that was the only one takes its label with it
    own_unit: the unit where it is that of earlier counts
    """

    keys: Array
    totals: Array
    distinct: Array
    offsets: Array
    labels: Array
    weights: Array
    rows: Array
    own_unit: float | None = None

    def places(self, keys: Array) -> Array:
        """The place of each key among the values; V where it is none of them."""
        return places_in(self.keys, keys)

    @property
    def unit(self) -> float:
        """The mean weight of a row, in which totals and weights are measured: what is learned of
        them must not depend on the scale of the weights."""
        if self.own_unit is not None:
            return self.own_unit
        rows = int(self.rows.sum())
        return float(self.weights.sum() / rows) if rows and self.weights.any() else 1.0

    def file_bytes(self) -> int:
        return file_bytes(len(self.keys), len(self.labels))

    def arrays(self) -> dict[str, Array]:
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: np.asarray(values) for name, values in found.items() if values is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "LabelCounts":
        unit = arrays.get("own_unit")
        found = {f.name: arrays[f.name] for f in fields(cls) if f.name != "own_unit"}
        return cls(**found, own_unit=None if unit is None else float(unit))


def file_bytes(values: int, pairs: int) -> int:
    """What the exported file needs: for each value its key, where its labels begin, and three
    numbers; for each label its id and its share."""
    return 24 * values + 8 * pairs


def of_pairs(
    keys: Array,
    labels: Array,
    weights: Array,
    rows: Array,
    *,
    most: int,
    min_count: int = 1,
    stand_for: Array | None = None,
) -> LabelCounts:
    """Distinct pairs of value and label, each with its weight and its number of rows. Values with
    fewer than `min_count` rows are left out; of the others the `most` heaviest labels are kept.
    A label below 0 is what labels that are not told apart have in sum, each pair of as many as it
    stands for.

    >>> counts = of_pairs(np.array([7, 3, 7]), np.array([0, 1, 5]), np.array([1.0, 2, 4]),
    ...                   np.array([1, 2, 4]), most=1)
    >>> counts.keys.tolist(), counts.totals.tolist(), counts.labels.tolist()
    ([3, 7], [2.0, 5.0], [1, 5])
    """
    order = np.argsort(keys, kind="stable")
    rising = keys[order]
    begins = np.unique(np.searchsorted(rising, rising[AT_ONCE::AT_ONCE]))
    del rising
    each = np.ones(len(keys), np.int64) if stand_for is None else stand_for
    columns = (keys, labels, weights, rows, each)
    pieces: dict[str, list[Array]] = defaultdict(list)
    for some in np.split(order, begins):
        own = _of_some(*(column[some] for column in columns), most=most, min_count=min_count)
        for name, values in own.arrays().items():
            pieces[name].append(np.diff(values) if name == "offsets" else values)
    del order
    # One after the other, so that only one is there twice.
    arrays = {name: np.concatenate(pieces.pop(name)) for name in list(pieces)}
    lengths = arrays.pop("offsets")
    return LabelCounts(offsets=np.append(0, np.cumsum(lengths)), own_unit=None, **arrays)


def _of_some(
    keys: Array,
    labels: Array,
    weights: Array,
    rows: Array,
    stand_for: Array,
    *,
    most: int,
    min_count: int,
) -> LabelCounts:
    values, value = np.unique(keys, return_inverse=True)
    frequent = np.bincount(value, rows, len(values)) >= min_count
    renumbered = np.cumsum(frequent) - 1
    kept = frequent[value]
    value, labels, weights, rows = renumbered[value[kept]], labels[kept], weights[kept], rows[kept]
    values = values[frequent]
    totals = np.bincount(value, weights, len(values))
    distinct = np.bincount(value, stand_for[kept], len(values))
    order = np.lexsort((labels, -weights, value))
    order = order[labels[order] >= 0]
    value = value[order]
    place = np.arange(len(value)) - np.searchsorted(value, value)
    first = order[place < most]
    value = value[place < most]
    offsets = np.searchsorted(value, np.arange(len(values) + 1))
    return LabelCounts(
        values.astype(np.int64),
        totals.astype(np.float64),
        distinct.astype(np.int64),
        offsets.astype(np.int64),
        labels[first].astype(np.int32),
        weights[first].astype(np.float64),
        rows[first].astype(np.int64),
    )
