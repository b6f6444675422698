"""Rows looked at: a sample from all parts of all files, and every value counted, in bounded memory.

What is read is bounded as well: where the files are larger, some of every part of them is.
"""

import io
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, Kind, Rejected, cast
from kinds.columns.columns import JsonLists, Values
from kinds.columns.json_lists import may_be_lists, parsed
from kinds.columns.readings import as_read
from kinds.lists import list_lengths
from kinds.looks.counted import Counted
from pipeline import rows
from pipeline.distributions.value_counts import ValueCounts, added, reading_of, with_values
from pipeline.distributions.value_counts import as_read as counts_as_read
from pipeline.failures import Exit, Failure
from pipeline.rows.batches import BATCH_ROWS, RawBatch
from pipeline.rows.csv_dialect import Csv
from pipeline.sides import scrambled
from pipeline.storage import stores

ROWS = 100_000
SAMPLE_BYTES = 128 << 20
READ_BYTES = 512 << 20
# Distinct values that are counted, of all columns together and at least of each.
_DISTINCT, _LEAST_DISTINCT = 4_000_000, 100_000
_FILE = 40
# A packed file is some times as large when it is read.
_PACKED = 4
# Rows of a batch where not every batch is looked at.
_FEW_ROWS = 2048
_LISTS_AS_TEXT = 1000
_NEITHER = "neither plain values nor flat lists"
_PROBLEMS = {
    "invalid_utf8": "text that is not UTF-8",
    "invalid_json": "no JSON (NaN and Infinity are none)",
}
_NONE = pa.nulls(0, pa.string())
# The share of bad rows that prepare lets pass.
_BAD = 0.01


@dataclass(frozen=True)
class Seen:
    """A column of the sample, null where it has neither plain values nor flat lists, and the values
    of all rows."""

    values: pa.Array
    counted: Counted
    problem: str = ""


@dataclass(frozen=True)
class Sample:
    """The columns in the order of the files, how many rows were read and how many were broken.

    `rows` is how many the sample has; `share` how much of the files was read.
    """

    columns: dict[str, Seen]
    rows: int
    read: int
    share: float
    broken: int = 0


def read(paths: Sequence[str], csv: Csv) -> Sample:
    """Raises Failure: 2 for what cannot be read as rows, 4 where there are none, 5 for damage."""
    names = _names(paths, csv)
    while True:
        found = _gathered(paths, csv, names)
        if not (nested := found.unreadable()):
            break
        # Without these the rows are good.
        names |= nested
    if not found.read:
        rule, received = "the input must have rows", ", ".join(paths[:10])
        if found.broken:
            rule = "the input must have a row that fits its header"
            received = f"{found.broken:,} that do not, the first: {found.why}"
        raise Failure(Exit.BAD_ROWS, rule, received=received)
    return found.sample(names)


def _gathered(paths: Sequence[str], csv: Csv, names: Mapping[str, str]) -> "_Looked":
    unread = {_NEITHER, *_PROBLEMS.values()}
    readable = [name for name, problem in names.items() if problem not in unread]
    looked = _Looked({name: _Gathered(_limit(len(names))) for name in readable})
    for at, batch in _batches(paths, readable, csv, looked):
        looked.add(paths[at], at, batch)
    return looked


@dataclass
class _Looked:
    """What was seen of all rows so far."""

    columns: dict[str, "_Gathered"]
    chosen: "_Chosen" = field(default_factory=lambda: _Chosen())
    read: int = 0
    broken: int = 0
    why: str = ""
    bytes_read: float = 0.0
    bytes_there: float = 0.0
    # By the column that made a row one that the format cannot give, and why.
    at_fault: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, path: str, at: int, batch: RawBatch) -> None:
        numbers = batch.numbers()
        self.read += len(numbers)
        self.broken += len(batch.broken)
        self.at_fault.update((one.column, one.reason) for one in batch.broken if one.column)
        if batch.broken and not self.why:
            first = batch.broken[0]
            self.why = f"row {first.row} of {path}: {first.why}"
        if len(numbers):
            cells = [one.taken(batch.rows, name) for name, one in self.columns.items()]
            origins = (np.uint64(at) << np.uint64(_FILE)) + numbers.astype(np.uint64)
            self.chosen.add(scrambled(origins), cells)

    def unreadable(self) -> dict[str, str]:
        """The columns that make more rows bad than prepare lets pass, and why."""
        most = _BAD * (self.read + self.broken)
        found = [at_fault for at_fault, rows in self.at_fault.items() if rows > most]
        return {name: _PROBLEMS.get(reason, _NEITHER) for name, reason in found}

    def sample(self, names: Mapping[str, str]) -> Sample:
        arrays = dict(zip(self.columns, self.chosen.arrays(len(self.columns)), strict=True))
        nothing = Counted(_NONE, np.zeros(0, int), 0, 0)
        seen = {
            name: self.columns[name].seen(arrays[name], problem)
            if name in arrays
            else Seen(pa.nulls(self.chosen.rows), nothing, problem)
            for name, problem in names.items()
        }
        share = min(1.0, self.bytes_read / max(1, self.bytes_there))
        return Sample(seen, self.chosen.rows, self.read, share, self.broken)


def _limit(columns: int) -> int:
    return max(_LEAST_DISTINCT, _DISTINCT // max(1, columns))


def _names(paths: Sequence[str], csv: Csv) -> dict[str, str]:
    """The columns in their order, each with what speaks against reading it, if anything does."""
    names: dict[str, str] = {}
    found = {path: rows.column_names(path, csv) for path in paths}
    found = {path: own for path, own in found.items() if own and own != [""]}
    for own in found.values():
        names |= dict.fromkeys(own, "")
    for path, own in found.items():
        if not rows.is_loose(path):
            names |= {name: f"not in {path}" for name in names if name not in own}
    return names


def _batches(
    paths: Sequence[str], names: Sequence[str], csv: Csv, progress: _Looked
) -> Iterator[tuple[int, RawBatch]]:
    """Batches of all parts of all files with the number of their file; of large files some."""
    parts = [(at, part) for at, path in enumerate(paths) for part in rows.parts(path, csv)]
    sizes = [_bytes(path) for path in paths]
    several = {at for at, part in parts if part is not None}
    budget = READ_BYTES / max(1, len(parts))
    for at, part in parts:
        own = rows.column_names(paths[at], csv)
        wanted = [name for name in names if name in own or rows.is_loose(paths[at])]
        there = sizes[at] if at not in several else sizes[at] / sum(a == at for a, _ in parts)
        # A file that is read from its beginning on is read to its end: every so manieth batch.
        step = 1 if at in several else max(1, math.ceil(there / budget))
        used, progress.bytes_there = 0, progress.bytes_there + there
        count = 0
        size = BATCH_ROWS if step == 1 else _FEW_ROWS
        for count, batch in enumerate(rows.read(paths[at], wanted, size, part, csv), 1):
            if (count - 1) % step == 0:
                used += batch.rows.nbytes
                yield at, batch
            if step == 1 and used > max(budget, batch.rows.nbytes) and len(parts) > 1:
                progress.bytes_read += min(there, used)
                break
        else:
            progress.bytes_read += there * (math.ceil(count / step) / max(1, count))


def _bytes(path: str) -> float:
    with stores.reader(path) as file:
        size = float(file.seek(0, io.SEEK_END))
    return size * _PACKED if path.endswith(".gz") else size


_Rows: TypeAlias = tuple[np.ndarray, list[pa.Array]]


class _Chosen:
    """Rows whose hash is small: the same share of every part, fewer the more rows there are."""

    def __init__(self) -> None:
        self._parts: list[_Rows] = []
        self._below = np.uint64(2**64 - 1)
        self.rows, self._size = 0, 0

    def add(self, hashes: np.ndarray, columns: list[pa.Array]) -> None:
        self._take(*self._kept(hashes, columns))
        while self.rows > ROWS or (self._size > SAMPLE_BYTES and self.rows > 1000):
            self._below //= np.uint64(2)
            parts, self._parts, self.rows, self._size = self._parts, [], 0, 0
            for part in parts:
                self._take(*self._kept(*part))

    def _take(self, hashes: np.ndarray, columns: list[pa.Array]) -> None:
        self._parts.append((hashes, columns))
        self.rows += len(hashes)
        self._size += sum(column.nbytes for column in columns)

    def _kept(self, hashes: np.ndarray, columns: list[pa.Array]) -> _Rows:
        mask = hashes <= self._below
        if mask.all():
            return hashes, columns
        return hashes[mask], [column.filter(pa.array(mask)) for column in columns]

    def arrays(self, count: int) -> Iterator[list[pa.Array]]:
        for at in range(count):
            yield [columns[at] for _, columns in self._parts]


@dataclass
class _Gathered:
    """What was seen of a column so far."""

    limit: int
    counts: ValueCounts = field(init=False)
    rows: int = 0
    present: int = 0
    kinds: set[str] = field(default_factory=set)
    longest: int = 0
    # Cells that prepare would refuse, by why.
    bad: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.counts = ValueCounts(limit=self.limit)

    def taken(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        """The cells of a batch, which are counted too: texts, lists of texts, or nulls."""
        self.rows += batch.num_rows
        if name not in batch.schema.names:
            return pa.nulls(batch.num_rows)
        received = batch.column(name)
        if not batch.num_rows or pa.types.is_null(received.type):
            return pa.nulls(batch.num_rows)
        cells, bad = _plain(batch.select([name]), name)
        self.bad.update(one.reason for one in bad)
        if pa.types.is_null(cells.type):
            self.kinds.add("neither")
            return cells
        self._count(cells, isinstance(received.type, Values))
        return cells

    def _count(self, cells: pa.Array, any_number: bool) -> None:
        values = cells
        if pa.types.is_list(cells.type):
            lengths = list_lengths(cells)
            self.longest = max(self.longest, int(lengths.max(initial=0)))
            self.kinds.add("values" if any_number else "lists")
            self.present += int((lengths > 0).sum())
            values = cells.flatten().drop_null()
        else:
            self.kinds.add("texts")
            values = values.drop_null()
            values = values.filter(pc.not_equal(values, ""))
            self.present += len(values)
        if len(values):
            self.counts = with_values(self.counts, values)

    def seen(self, arrays: list[pa.Array], problem: str) -> Seen:
        """All of it, as prepare would read it: the same looks in every format."""
        reading = reading_of(self.counts)
        counts, _ = counts_as_read(self.counts, reading)
        (table,) = added(counts).parts
        values = pa.concat_arrays([pa.array([], pa.string()), *table["value"].chunks])
        numbers = table["count"].to_numpy()
        counted = Counted(values, numbers, self.rows, self.present, counts.lost)
        if "neither" in self.kinds:
            problem = problem or _NEITHER
        for reason, cells in self.bad.items():
            if cells > _BAD * self.rows:
                problem = problem or _PROBLEMS.get(reason, _NEITHER)
        if len(self.kinds) > 1 and not problem:
            problem = f"{' in some files, '.join(sorted(self.kinds))} in others"
        if problem or not self.kinds:
            return Seen(pa.nulls(sum(map(len, arrays))), counted, problem)
        joined = _joined(arrays, pa.list_(pa.string()) if self._are_lists else pa.string())
        joined = as_read(joined, reading)
        return (
            _lists_of_texts(joined, counted)
            if pa.types.is_string(joined.type)
            else Seen(joined, counted)
        )

    @property
    def _are_lists(self) -> bool:
        return self.kinds == {"lists"} or (self.kinds == {"values"} and self.longest > 1)


def _joined(arrays: list[pa.Array], kind: pa.DataType) -> pa.Array:
    made = [pa.array([], kind)]
    for array in arrays:
        if pa.types.is_null(array.type):
            made.append(pa.nulls(len(array), kind))
        elif pa.types.is_list(array.type) and not pa.types.is_list(kind):
            # Cells of any number of values that have one at most.
            made.append(pc.list_element(_one(array), 0))
        else:
            made.append(array)
    return pa.concat_arrays(made)


def _one(lists: pa.Array) -> pa.Array:
    """Lists of exactly one value; a null one where there was none."""
    return pc.if_else(
        pc.greater(pc.list_value_length(lists), 0), lists, pa.scalar([None], lists.type)
    )


def _lists_of_texts(texts: pa.Array, counted: Counted) -> Seen:
    """Texts that are lists as JSON or Python writes them are lists."""
    some = counted.values[:_LISTS_AS_TEXT]
    starts = pc.sum(may_be_lists(some)).as_py() or 0
    if not len(some) or starts < 0.95 * len(some) or len(parsed(some)[0]) < 0.95 * len(some):
        return Seen(texts, counted)
    cells, _ = _aligned(pa.record_batch([texts], names=["x"]), Field("x", "list"))
    every = cells.flatten().drop_null().value_counts()
    weights = every.field("counts").to_numpy()
    # The elements of all rows would have to be counted anew: those of the sample stand for them.
    own = Counted(every.field("values"), weights, counted.rows, counted.present, counted.lost)
    return Seen(cells, own)


def _plain(batch: pa.RecordBatch, name: str) -> tuple[pa.Array, list[Rejected]]:
    received = batch.column(name).type
    is_list = pa.types.is_nested(received) or isinstance(received, Values | JsonLists)
    kind: Kind = "list" if is_list else "text"
    try:
        return _aligned(batch, Field(name, kind))
    except Failure:
        return pa.nulls(batch.num_rows), []


def _aligned(batch: pa.RecordBatch, asked: Field) -> tuple[pa.Array, list[Rejected]]:
    """The cells as they are asked for, null where they are bad, and those that are."""
    typed, good, bad = cast(batch, [asked])
    cells = typed.column(0)
    if not bad:
        return cells, []
    places = np.zeros(batch.num_rows, np.int64)
    places[good] = np.arange(len(good))
    gaps = np.ones(batch.num_rows, bool)
    gaps[good] = False
    return cells.take(pa.array(places, mask=gaps)), bad
