"""Which side of the split a row is on: train, eval or test. Numpy and pyarrow only."""

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Rejected
from kinds.columns.readings import as_values
from kinds.columns.texts import text
from pipeline.failures import Exit, Failure
from pipeline.sides.last_rows import GroupRows, HeldOut
from pipeline.sides.times import CLOCK, NEITHER, NUMBER, times_of

SIDES = ("train", "eval", "test")
TRAIN, EVAL, TEST = range(3)
# A row of which nothing tells the side.
NOWHERE = -1
Sides = npt.NDArray[np.int8]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Rows:
    """Rows by their number in their file, and by their origin (pipeline.sides.origins)."""

    numbers: npt.NDArray[np.int64]
    origins: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class Split:
    """What decides a row's side, as a spec says it (pipeline.spec.splits): a hash with shares, the
    text of one column with values, the file's name with patterns, or times.

    `begins` are the times with which eval and test begin, `held_out` the last rows of each group:
    both are known when all rows were seen, the first also where the spec says times.
    """

    by: Literal["hash", "row", "column", "file", "time", "last"]
    columns: tuple[str, ...] = ()
    eval: Any = ()
    test: Any = ()
    fold: str | None = None
    begins: tuple[str, ...] = ()
    held_out: HeldOut | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """A column that is named twice counts once.

        >>> Split.of({"by": "column", "column": "day", "eval": ["Sun"], "test": []}).columns
        ('day',)
        """
        columns = (
            [said["column"]] if "column" in said else [*dict.fromkeys(said.get("columns", ()))]
        )
        columns += [said["order"]] if said.get("order") else []
        begins = tuple(said.get("begins", ()))
        if said["by"] == "time" and isinstance(said["eval"], str):
            begins = (said["eval"], said["test"]) if said["test"] else (said["eval"],)
        return cls(
            *(said["by"], tuple(columns), said["eval"], said["test"], said.get("fold"), begins)
        )

    @property
    def needs_all_rows(self) -> bool:
        """Whether a row alone does not tell its side: all rows must be seen before."""
        asks = self.eval != 0 or self.test != 0
        return asks and (
            (self.by == "time" and not self.begins)
            or (self.by == "last" and self.held_out is None and not self.of_elements)
        )

    @property
    def of_elements(self) -> bool:
        """Whether elements of a list are held out, not rows (kinds.columns.next_elements)."""
        return self.by == "last" and not self.columns

    @property
    def has_times(self) -> bool:
        """Whether the last of its columns says when."""
        return self.by in ("time", "last") and not self.of_elements

    def says_when(self, columns: Iterable[str]) -> bool:
        """Whether one of an input's columns is that by which rows are held out: new rows are later
        in it than those of training, whatever they are like.

        >>> Split("time", ("day",)).says_when(["day"]), Split("hash", ("day",)).says_when(["day"])
        (True, False)
        """
        return self.has_times and self.columns[-1] in columns

    @property
    def needs_names(self) -> bool:
        """Whether the names of files decide."""
        return self.by in ("file", "row")

    def kept_together(self) -> tuple[str, ...]:
        """The columns of which rows with equal values are on one side.

        >>> Split("hash", ("user",)).kept_together(), Split("last", ("user", "day")).kept_together()
        (('user',), ('user',))
        """
        return {"hash": self.columns, "last": self.columns[:-1]}.get(self.by, ())

    def too_narrow(self) -> str:
        """Why intervals over rows are too narrow; empty where nothing is known to make them so."""
        if not (columns := self.kept_together()):
            return ""
        alike = f"rows of equal {' and '.join(columns)} are alike, so intervals over rows are too"
        return f"{alike} narrow: serving.score --evaluate draws such groups"

    def not_exchangeable(self) -> str:
        """Why rows to score are not like those that were held out; empty where they may be."""
        if not self.has_times:
            return ""
        return (
            "the split is by time, so rows to score are later than those that the coverage was "
            "calibrated on: if things have changed since, it is not the one asked for"
        )

    def sides(self, path: str, columns: Sequence[pa.Array], rows: Rows) -> Sides:
        """int8 [rows]: 0 train, 1 eval, 2 test, or NOWHERE without a time. `columns` are the texts
        of those it names."""
        if self.by == "column":
            return by_value(columns[0], self.eval, self.test)
        if self.by == "time":
            return by_time(columns[0], self.begins)
        if self.of_elements:
            return np.full(len(rows), TRAIN, dtype=np.int8)
        if self.by == "last":
            return by_place(columns[-1], rows.origins, self.held_out)
        if self.by == "file":
            return np.full(len(rows), by_file(path, self.eval, self.test), dtype=np.int8)
        if self.by == "hash":
            return by_hash(columns, self.eval, self.test, self.fold)
        return by_share(row_hashes(path, rows.numbers), self.eval, self.test, self.fold)


def by_hash(
    columns: Sequence[pa.Array], eval_share: float, test_share: float, fold: str | None = None
) -> Sides:
    """Rows with equal texts in all columns get the same side, in every run and on every machine."""
    return by_share(hashes(columns), eval_share, test_share, fold)


def by_share(
    hashed: Hashes, eval_share: float, test_share: float, fold: str | None = None
) -> Sides:
    """With a fold its part of the hashes is the test side, and what follows on it eval's."""
    place = (hashed >> np.uint64(11)).astype(np.float64) / 2.0**53
    side = np.full(len(place), TRAIN, dtype=np.int8)
    if fold is None:
        side[place < eval_share + test_share] = EVAL
        side[place < test_share] = TEST
        return side
    number, folds = map(int, fold.split("/"))
    start, end = (number - 1) / folds, number / folds
    side[(place - end) % 1.0 < eval_share] = EVAL
    side[(start <= place) & (place < end)] = TEST
    return side


def by_time(column: pa.Array, begins: Sequence[str]) -> Sides:
    """Rows from the time on with which a side begins. What is no time as those are is NOWHERE."""
    found, side = times_of(column), np.full(len(column), NOWHERE, dtype=np.int8)
    for kind, places in _places(begins).items():
        own = found.kind == kind
        side[own] = np.searchsorted(places, found.at[own], side="right")
    return side


def _places(begins: Sequence[str]) -> dict[int, npt.NDArray[np.int64]]:
    """Times by their kind. A year is a number, and the first of its days, too."""
    first = times_of(pa.array(begins, pa.string()))
    places = {kind: first.at for kind in (NUMBER, CLOCK) if (first.kind == kind).all()}
    days = times_of(pa.array([f"{year}-01-01" for year in begins], pa.string()))
    return places | ({CLOCK: days.at} if (days.kind == CLOCK).all() else {})


def by_place(order: pa.Array, origins: npt.NDArray[np.int64], held_out: HeldOut | None) -> Sides:
    """Rows by their origin, among those that are held out."""
    side = np.full(len(order), TRAIN, dtype=np.int8)
    if held_out is not None:
        side[_among(origins, held_out.eval)] = EVAL
        side[_among(origins, held_out.test)] = TEST
    side[times_of(order).kind == NEITHER] = NOWHERE
    return side


def without_time(column: str, rows: npt.NDArray[np.int64], cells: pa.Array) -> list[Rejected]:
    """Why rows are NOWHERE, by their number and their cells in the column of the time."""
    return [
        Rejected(int(row), column, "not_a_time" if said else "missing", said or "")
        for row, said in zip(rows, text(cells).to_pylist(), strict=True)
    ]


def in_groups(
    columns: Sequence[pa.Array], origins: npt.NDArray[np.int64]
) -> tuple[GroupRows, npt.NDArray[np.int8]]:
    """Rows with a time, by the group that the columns name before that of the time; and of which
    kind their times are."""
    *groups, order = columns
    found = times_of(order)
    hashed = hashes(groups) if groups else np.zeros(len(origins), np.uint64)
    there = found.kind != NEITHER
    return GroupRows(hashed[there], found.at[there], origins[there]), found.kind[there]


def check_one_kind(column: str, kinds: npt.NDArray[np.int64]) -> int:
    """The one kind of so many times of each: a number and a day are in no order. Raises Failure
    2."""
    if kinds[NUMBER] and kinds[CLOCK]:
        rule = f"split: column {column!r} must have days and times, or numbers, not both"
        said = f"{kinds[CLOCK]:,} days and times, {kinds[NUMBER]:,} numbers"
        raise Failure(Exit.USAGE, rule, received=said)
    return NUMBER if kinds[NUMBER] else CLOCK


def _among(values: npt.NDArray[np.int64], rising: npt.NDArray[np.int64]) -> Any:
    if not len(rising):
        return np.zeros(len(values), dtype=bool)
    at = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    return rising[at] == values


def row_hashes(path: str, numbers: npt.NDArray[np.int64]) -> Hashes:
    """uint64 [rows]: a hash of each row's number and of the file's name without suffixes, so that
    the rows of d.csv, d.csv.gz and old/d.parquet have the same ones."""
    name = PurePath(path.removesuffix(".gz")).stem
    return scrambled(scrambled(numbers.astype(np.uint64)) ^ np.uint64(text_hash(name)))


def by_value(column: pa.Array, eval_values: Sequence[str], test_values: Sequence[str]) -> Sides:
    """The texts of values are compared, so that a listed "2024" finds 2024.0 and "true" True."""
    side, said = np.full(len(column), TRAIN, dtype=np.int8), as_values(column)
    for number, values in ((EVAL, eval_values), (TEST, test_values)):
        if values:
            listed = pc.is_in(said, pa.array(texts_of(values), pa.string()))
            side[listed.to_numpy(zero_copy_only=False)] = number
    return side


def texts_of(values: Sequence[str]) -> list[str]:
    """The texts by which the values that a split lists are compared and counted."""
    found: list[str] = as_values(pa.array(values, pa.string())).to_pylist()
    return found


def by_file(path: str, eval_patterns: Sequence[str], test_patterns: Sequence[str]) -> int:
    for number, patterns in ((TEST, test_patterns), (EVAL, eval_patterns)):
        if any(matches(path, pattern) for pattern in patterns):
            return number
    return TRAIN


def matches(path: str, pattern: str) -> bool:
    """A pattern is held against the path as it was given and against the file's name alone, and
    "part[1].csv" is the name of a file before it is a pattern."""
    names = (path, PurePath(path).name)
    return any(name == pattern or fnmatch.fnmatchcase(name, pattern) for name in names)


def hashes(columns: Sequence[pa.Array]) -> Hashes:
    """uint64 [rows]: a hash of each row's texts. Every distinct text is hashed once per batch.

    True and true, 8.0 and 8 have one hash, however a file came to write them: rows that belong
    together stay together in every format.
    """
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed = scrambled(mixed) + _column_hashes(column)
    return scrambled(mixed)


def scrambled(values: Hashes) -> Hashes:
    """Spreads close integers over all 64 bits (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _column_hashes(column: pa.Array) -> Hashes:
    encoded = column.dictionary_encode(null_encoding="encode")
    said = as_values(encoded.dictionary).to_pylist()
    distinct = np.array([text_hash(text) for text in said], dtype=np.uint64)
    return distinct[encoded.indices.to_numpy()] if len(distinct) else np.zeros(0, np.uint64)


def text_hash(text: str | None) -> int:
    # No text holds the byte 0xff, so a missing value has a hash of its own.
    said = b"\xff" if text is None else text.encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little")
