"""The last rows of each group, such as a person: found in one pass, a batch at a time.

Memory holds what may still be among them: of each group as many rows as are held out and one more,
24 bytes a row, and as much again while rows are added.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_LEAST_ROWS = 1 << 18


@dataclass(frozen=True)
class GroupRows:
    """Rows by a hash of their group, their place in time (pipeline.sides.times), and their origin:
    see pipeline.sides.origins."""

    groups: Hashes
    at: Integers
    origins: Integers

    def __len__(self) -> int:
        return len(self.groups)

    @classmethod
    def of(cls, parts: Iterable[Self]) -> Self:
        columns = zip(*((one.groups, one.at, one.origins) for one in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class HeldOut:
    """The origins of the rows that are held out, rising."""

    eval: Integers
    test: Integers


class LastRows:
    """The last rows of each group, of which `eval` and `test` are held out."""

    def __init__(self, eval_rows: int, test_rows: int) -> None:
        self._eval, self._test = eval_rows, test_rows
        self._parts: list[GroupRows] = []
        self._waiting, self._kept = 0, 0

    def add(self, rows: GroupRows) -> None:
        self._parts.append(rows)
        self._waiting += len(rows)
        if self._waiting > max(_LEAST_ROWS, self._kept):
            self.compact()

    def merge(self, other: "LastRows") -> None:
        for part in other._parts:
            self.add(part)

    def compact(self) -> None:
        """Leaves out the rows that cannot be among the last."""
        if self._parts:
            rows, rank, _ = self._ranked()
            kept = rank <= self._eval + self._test
            self._parts = [GroupRows(rows.groups[kept], rows.at[kept], rows.origins[kept])]
            self._waiting, self._kept = 0, len(self._parts[0])

    def held_out(self) -> HeldOut:
        """A group keeps a row to train on: the fewer rows it has, the fewer are held out, and those
        for test come first."""
        if not self._parts:
            return HeldOut(np.zeros(0, np.int64), np.zeros(0, np.int64))
        rows, rank, size = self._ranked()
        test = np.minimum(self._test, size - 1)
        both = np.minimum(self._test + self._eval, size - 1)
        is_test = rank < test
        is_eval = ~is_test & (rank < both)
        return HeldOut(np.sort(rows.origins[is_eval]), np.sort(rows.origins[is_test]))

    def _ranked(self) -> tuple[GroupRows, Integers, Integers]:
        """Rows group by group, rising in time; how many of its group come after each; and how many
        its group has."""
        rows = GroupRows.of(self._parts)
        order = np.lexsort((rows.origins, rows.at, rows.groups))
        rows = GroupRows(rows.groups[order], rows.at[order], rows.origins[order])
        starts = np.flatnonzero(np.append(True, rows.groups[1:] != rows.groups[:-1]))
        sizes = np.diff(np.append(starts, len(rows)))
        ends = np.repeat(starts + sizes, sizes)
        return rows, ends - 1 - np.arange(len(rows)), np.repeat(sizes, sizes)
