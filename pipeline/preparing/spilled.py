"""Sums by key on disk: what workers have counted for memories, until all of it is put together.

A table that has become large is written beside the examples, and a report names only its file.
Passed on from step to step as a value, it would be in memory several times at once.
"""

import tempfile
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Generic, TypeVar

import pyarrow as pa

from kinds.memory.averages.counting import FoldSums
from kinds.memory.counting import PairCounts
from pipeline.storage import stores

Sums = TypeVar("Sums", PairCounts, FoldSums)
# A worker keeps at most this many sums of each key, and about as many that wait to be added up.
LARGE = 1 << 19


@dataclass(frozen=True)
class Spilled(Generic[Sums]):
    """Sums of one key whose table is a file. `place` is the origin of the first row of their
    worker's bundle, and how many were written there before."""

    place: tuple[int, int]
    path: str
    without_table: Sums

    def read(self) -> Sums:
        """The table of a file on this machine stays on disk, and is read as it is needed."""
        opened = stores.reader if stores.is_object(self.path) else pa.memory_map
        with opened(self.path) as file, pa.ipc.open_stream(file) as stream:
            table = stream.read_all()
        return replace(self.without_table, parts=(table,))


Files = dict[tuple[str, ...], tuple[Spilled[Sums], ...]]


class Spills(Generic[Sums]):
    """The sums of a bundle of rows by key: `sums` are still in memory."""

    def __init__(self, work: str, added: Callable[[Sums], Sums]) -> None:
        self._work = work
        self._added: Callable[[Sums], Sums] = added
        self._first: int | None = None
        self._files: dict[tuple[str, ...], list[Spilled[Sums]]] = {}
        self.sums: dict[tuple[str, ...], Sums] = {}

    def rows_from(self, origin: int) -> None:
        """Says which row is next. What has become large goes to disk."""
        self._first = origin if self._first is None else self._first
        for key, sums in list(self.sums.items()):
            if sums.parts and sums.parts[0].num_rows > LARGE:
                self._spill(key)

    def all(self) -> Files[Sums]:
        """Everything, on disk."""
        for key in list(self.sums):
            self._spill(key)
        return {key: tuple(files) for key, files in self._files.items()}

    def _spill(self, key: tuple[str, ...]) -> None:
        sums = self._added(self.sums.pop(key))
        [table] = sums.parts
        path = stores.under(self._work, f"sums-{uuid.uuid4().hex}")
        _write(table, path)
        before = self._files.setdefault(key, [])
        before.append(Spilled((self._first or 0, len(before)), path, replace(sums, parts=())))


def _write(table: pa.Table, path: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        # An object is written whole: until then it is a file of the worker's machine.
        local = Path(scratch, "sums") if stores.is_object(path) else Path(path)
        with pa.OSFile(str(local), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
        if stores.is_object(path):
            stores.upload(local, path)


def joined(files: Sequence[Spilled[Sums]], merged: Callable[[Iterable[Sums]], Sums]) -> Sums:
    """The sums of one key together. They are read one after the other, in the order of the rows:
    only what is added up stays in memory."""
    ordered = sorted(files, key=lambda one: one.place)
    rest = (one.read() for one in ordered[1:])
    return reduce(lambda one, other: merged((one, other)), rest, ordered[0].read())
