"""What comes next in a list: one row for each side that elements of it are on, each with what it
reads and what it is to predict.

A row whose list is a b c d, of which one element is for eval and one for test, becomes
    train  a      -> b
    eval   a b    -> b c      of which c is judged
    test   a b c  -> b c d    of which d is judged
NumPy and pyarrow only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.lists import list_lengths, slices

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NextElements:
    """`lists`: the typed lists that are read, and {typed column: the list that it follows}.
    `places`: how many of the last elements count. `held_out`: the sides for which the last elements
    are held out, the very last first; none where the rows have sides. `before`: {typed column: the
    list of which it has all elements before the last to be predicted}."""

    lists: tuple[str, ...]
    follow: Mapping[str, str]
    places: int
    held_out: tuple[int, ...] = ()
    before: Mapping[str, str] = field(default_factory=dict)

    def rows(self, typed: pa.RecordBatch) -> tuple[Integers, Integers, npt.NDArray[np.int8]]:
        """What the rows become where elements are held out: the row that each is made of, rising,
        how many elements of its list it has, and its side, 0 for train."""
        lengths = list_lengths(typed.column(self.lists[0]))
        parts = [(np.arange(len(lengths)), lengths, np.zeros(len(lengths), np.int8))]
        for side in self.held_out:
            rows, ends, sides = parts[0]
            # An element is left to train on, and one before it.
            some = ends > 2
            parts.append((rows[some], ends[some], np.full(int(some.sum()), side, np.int8)))
            parts[0] = rows, ends - some, sides
        rows, ends, sides = (np.concatenate(own) for own in zip(*parts, strict=True))
        order = np.argsort(rows, kind="stable")
        return rows[order], ends[order], sides[order]

    def cut(self, typed: pa.RecordBatch, ends: Integers) -> pa.RecordBatch:
        """The rows with the lists up to their ends: all but the last element is read, all but the
        first is to be predicted."""
        columns = dict(zip(typed.schema.names, typed.columns, strict=True))
        before = np.maximum(ends - 1, 0)
        some = np.minimum(before, self.places)
        starts = before - some
        made = {
            name: slices(columns[source], starts + 1, some) for name, source in self.follow.items()
        }
        none = np.zeros_like(before)
        made |= {
            name: slices(columns[source], none, before) for name, source in self.before.items()
        }
        columns |= {name: slices(columns[name], starts, some) for name in self.lists}
        return pa.RecordBatch.from_pydict(columns | made)
