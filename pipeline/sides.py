"""Which side of the split a row is on: train, eval or test. Numpy and pyarrow only."""

import fnmatch
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.readings import as_values

SIDES = ("train", "eval", "test")
TRAIN, EVAL, TEST = range(3)
Sides = npt.NDArray[np.int8]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Split:
    """What decides a row's side, as a spec says it (pipeline.spec): the texts of `columns` by their
    hash, with shares; the text of one column, with values; the file's name, with patterns."""

    by: Literal["hash", "column", "file"]
    columns: tuple[str, ...] = ()
    eval: Any = ()
    test: Any = ()

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """
        >>> Split.of({"by": "column", "column": "day", "eval": ["Sun"], "test": []}).columns
        ('day',)
        """
        columns = [said["column"]] if "column" in said else said.get("columns", ())
        return cls(said["by"], tuple(columns), said["eval"], said["test"])

    def sides(self, path: str, columns: Sequence[pa.Array], rows: int) -> Sides:
        """int8 [rows]: 0 train, 1 eval, 2 test. `columns` are the texts of those it names."""
        if self.by == "hash":
            return by_hash(columns, self.eval, self.test)
        if self.by == "column":
            return by_value(columns[0], self.eval, self.test)
        return np.full(rows, by_file(path, self.eval, self.test), dtype=np.int8)


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
