"""Files of vectors that exist, from which embedding tables start: formats, and the rows wanted.

By its name a file is text (.vec and .txt: fastText, word2vec and GloVe, with or without a first
line of sizes), word2vec's binary form (.bin), Parquet (.parquet, a column of values and one of
lists) or an array (.npy, its values in a .txt of the same name, one a line). Text and .bin may be
packed (.gz). A file is read once, front to back, and only the vectors wanted are kept.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from gzip import BadGzipFile

import numpy as np

from pipeline.failures import Exit, Failure
from pipeline.storage import stores
from pipeline.vectors import arrays, binary, tables, texts
from pipeline.vectors.source import Array, Damaged, Source

_FORMATS: Mapping[str, Callable[[str], Iterator[Source]]] = {
    ".vec": texts.source,
    ".txt": texts.source,
    ".bin": binary.source,
    ".parquet": tables.source,
    ".npy": arrays.source,
}
_PACKED = (".vec", ".txt", ".bin")


def files_of(path: str) -> list[str]:
    """The files that the vectors are in. Raises Failure 2 for a name of no format."""
    return [path, arrays.values_path(path)] if _format(path) == ".npy" else [path]


def width(path: str) -> int:
    """How long each vector is, by the beginning of the file. Raises Failure as `read` does."""
    with _opened(path) as source:
        return source.width


def fingerprints(paths: Sequence[str]) -> list[str]:
    """What changes with the files. Raises Failure 2 where one is missing."""
    with _as_message(", ".join(paths)):
        return [stores.fingerprint(own) for path in paths for own in files_of(path)]


def read(path: str, values: Sequence[str]) -> tuple[Array, Array]:
    """The places in `values` that have a vector, rising, and their vectors [places, width]. Of
    two vectors of a value the first one counts.

    Raises Failure: 2 for a file that is not there or not of its format, 5 for a damaged one.
    """
    wanted = {value.encode(): at for at, value in enumerate(values)}
    with _opened(path) as source:
        found = np.zeros((len(values), source.width), np.float32)
        there = np.zeros(len(values), bool)
        for value, raw in source.rows:
            at = wanted.pop(value, None)
            if at is not None:
                found[at], there[at] = source.numbers(raw), True
                if not np.isfinite(found[at]).all():
                    said = value.decode(errors="replace")
                    raise Damaged(f"a vector has finite float32 numbers; not that of {said!r}")
                if not wanted:
                    break
    places = np.flatnonzero(there)
    return places, found if len(places) == len(values) else found[places]


def _format(path: str) -> str:
    plain = path.removesuffix(".gz").lower()
    for suffix in _FORMATS:
        if plain.endswith(suffix) and (plain == path.lower() or suffix in _PACKED):
            return suffix
    rule = "vectors are in .vec, .txt or .bin (these also .gz), .parquet or .npy"
    raise Failure(Exit.USAGE, rule, received=path)


@contextmanager
def _opened(path: str) -> Iterator[Source]:
    with _as_message(path), np.errstate(over="ignore"):
        yield from _FORMATS[_format(path)](path)


@contextmanager
def _as_message(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        rule = "the file of vectors must be there"
        raise Failure(Exit.USAGE, rule, received=path) from None
    except Damaged as error:
        raise Failure(Exit.INTEGRITY, str(error), received=path) from None
    except (EOFError, BadGzipFile, zlib.error):
        rule = "the file must be whole, as gzip packed it"
        raise Failure(Exit.INTEGRITY, rule, received=path) from None
