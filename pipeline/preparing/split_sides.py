"""Which side of the split a row is on: train, eval or test. Numpy and pyarrow only."""

import fnmatch
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.readings import as_values
from pipeline import spec as specs
from pipeline.failures import Exit, Failure

# Of the values of a split's column so many are remembered, to be shown.
REMEMBERED, SHOWN = 500, 12
SIDES = ("train", "eval", "test")
TRAIN, EVAL, TEST = range(3)
# The seed of the draw that deals rows to shards.
_DEAL = np.uint64(0x9E3779B97F4A7C15)
Sides = npt.NDArray[np.int8]
Hashes = npt.NDArray[np.uint64]


def sides(split: specs.Split, path: str, columns: Sequence[pa.Array], rows: int) -> Sides:
    """int8 [rows]: 0 train, 1 eval, 2 test. `columns` are the text columns that the split names."""
    if isinstance(split, specs.HashSplit):
        return by_hash(columns, split.eval, split.test)
    if isinstance(split, specs.ColumnSplit):
        return by_value(columns[0], split.eval, split.test)
    return np.full(rows, by_file(path, split.eval, split.test), dtype=np.int8)


def by_hash(columns: Sequence[pa.Array], eval_share: float, test_share: float) -> Sides:
    """Rows with equal texts in all columns get the same side, in every run and on every machine."""
    place = (hashes(columns) >> np.uint64(11)).astype(np.float64) / 2.0**53
    side = np.full(len(place), TRAIN, dtype=np.int8)
    side[place < eval_share + test_share] = EVAL
    side[place < test_share] = TEST
    return side


def by_value(column: pa.Array, eval_values: Sequence[str], test_values: Sequence[str]) -> Sides:
    """The texts of values are compared, so that a listed "2024" finds 2024.0 and "true" True."""
    side, said = np.full(len(column), TRAIN, dtype=np.int8), as_values(column)
    for number, values in ((EVAL, eval_values), (TEST, test_values)):
        if values:
            listed = pc.is_in(said, pa.array(texts_of(values), pa.string()))
            side[listed.to_numpy(zero_copy_only=False)] = number
    return side


def by_file(path: str, eval_patterns: Sequence[str], test_patterns: Sequence[str]) -> int:
    for number, patterns in ((TEST, test_patterns), (EVAL, eval_patterns)):
        if any(_matches(path, pattern) for pattern in patterns):
            return number
    return TRAIN


def _matches(path: str, pattern: str) -> bool:
    """A pattern is held against the path as it was given and against the file's name alone, and
    "part[1].csv" is the name of a file before it is a pattern."""
    names = (path, PurePath(path).name)
    return any(name == pattern or fnmatch.fnmatchcase(name, pattern) for name in names)


def asked_for(split: specs.Split) -> list[str]:
    """The held-out sides that are to have rows."""
    return [side for side in SIDES[1:] if getattr(split, side)]


def check_split(split: specs.Split, paths: Sequence[str]) -> None:
    """Raises Failure 2 where a split cannot be meant so, whatever the rows are."""
    if isinstance(split, specs.FileSplit):
        _check_patterns(split, paths)
    elif isinstance(split, specs.ColumnSplit) and {*texts_of(split.eval)} & {*texts_of(split.test)}:
        rule = "split: eval and test must not name the same value: read as values they do"
        raise Failure(Exit.USAGE, rule, received=[*split.eval, *split.test])


def _check_patterns(split: specs.FileSplit, paths: Sequence[str]) -> None:
    """A pattern that matches no file is refused: its rows would train, unseen."""
    for side, patterns in (("eval", split.eval), ("test", split.test)):
        for pattern in patterns:
            if not any(_matches(path, pattern) for path in paths):
                rule = f"split.{side}: each pattern must match an input file"
                raise Failure(
                    Exit.USAGE, rule, received=f"{pattern!r}; the files are {_some(paths)}"
                )


def value_counts(column: pa.Array) -> Counter[str]:
    """How often each value of a split's column occurs, by its text as a value."""
    found = as_values(column.drop_null()).value_counts()
    values, counts = (found.field(name).to_pylist() for name in ("values", "counts"))
    return Counter(dict(zip(values, counts, strict=True)))


def texts_of(values: Sequence[str]) -> list[str]:
    """The texts by which the values that a split lists are compared and counted."""
    found: list[str] = as_values(pa.array(values, pa.string())).to_pylist()
    return found


def remembered(counts: Counter[str]) -> Counter[str]:
    """The same values for every order of the rows, with all their counts."""
    if len(counts) <= REMEMBERED:
        return counts
    return Counter({value: counts[value] for value in sorted(counts, key=_hash)[:REMEMBERED]})


def check_values(split: specs.Split, listed: Counter[str], occurring: Counter[str]) -> None:
    """Raises Failure 2 where no row has a value that is `listed` in a split: rows that were to be
    held out would train, unseen. `occurring` are values that rows have."""
    if not isinstance(split, specs.ColumnSplit):
        return
    for side, values in (("eval", split.eval), ("test", split.test)):
        for value, text in zip(values, texts_of(values), strict=True):
            if not listed[text]:
                there = [f"{one!r} ({count:,})" for one, count in occurring.most_common()]
                rule = f"split.{side}: each value must occur in column {split.column!r}"
                raise Failure(Exit.USAGE, rule, received=f"{value!r}; it has {_some(there)}")


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN:,} more" if len(texts) > SHOWN else ""
    return f"{', '.join(texts[:SHOWN]) or 'none'}{more}"


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


def dealt(origins: npt.NDArray[np.int64], shards: int) -> npt.NDArray[np.int64]:
    """int64 [rows]: the shard of each row, drawn by where it comes from alone
    (pipeline.preparing.reading).

    In turn would not do: of rows that come in a rhythm, such as a question and its inverse, a shard
    would have one sort only, and shards are read one after the other.
    """
    drawn = scrambled(scrambled(origins.astype(np.uint64)) ^ _DEAL)
    return (drawn % np.uint64(shards)).astype(np.int64)


def _column_hashes(column: pa.Array) -> Hashes:
    encoded = column.dictionary_encode(null_encoding="encode")
    said = as_values(encoded.dictionary).to_pylist()
    distinct = np.array([_hash(text) for text in said], dtype=np.uint64)
    return distinct[encoded.indices.to_numpy()] if len(distinct) else np.zeros(0, np.uint64)


def _hash(text: str | None) -> int:
    # No text holds the byte 0xff, so a missing value has a hash of its own.
    said = b"\xff" if text is None else text.encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little")
