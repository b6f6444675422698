"""Files of rows whatever their format: opening, sharing out, and the message on a damaged one."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.failures import Exit, Failure
from pipeline.storage import stores

_MARK = b"\xef\xbb\xbf"
# By the first bytes of a file, what it is that is no text in UTF-8, and what to do.
_OTHERS = {
    b"\x1f\x8b": "is packed by gzip: its name must end in .gz",
    b"\x28\xb5\x2f\xfd": "is packed by zstd: unpack it, or pack it by gzip",
    b"BZh": "is packed by bzip2: unpack it, or pack it by gzip",
    b"PK\x03\x04": "is a zip file or a spreadsheet: unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet: save it as CSV",
    b"PAR1": "is Parquet: its name must end in .parquet",
    b"ARROW1": "is Arrow IPC: its name must end in .arrow",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
}
SAMPLE_BYTES = 1 << 20
Places: TypeAlias = npt.NDArray[Any]


class Stretch(NamedTuple):
    """Bytes of a file that can be read by themselves, and the number of their first row.

    `stop` is None where they go on to the end.
    """

    start: int
    stop: int | None
    first_row: int


def opened(path: str, stretch: Stretch | None = None) -> IO[bytes]:
    """The bytes of a file or an object behind its byte order mark, or a stretch of them.

    They are unpacked where the name ends in .gz; such a file has no stretches. Raises Failure 2
    where the content is no text in UTF-8.
    """
    raw = stores.reader(path)
    file: IO[bytes] = _Unpacked(raw) if path.endswith(".gz") else raw  # type: ignore[assignment]
    if stretch is not None:
        file.seek(stretch.start)
        return _Until(file, stretch.stop)  # type: ignore[return-value]
    try:
        begin = file.read(8)
        _check_is_text(path, begin)
    except BaseException:
        file.close()
        raise
    file.seek(len(_MARK) if begin.startswith(_MARK) else 0)
    return file


def _check_is_text(path: str, begin: bytes) -> None:
    """Raises Failure 2 where a file of text begins as files of other kinds do."""
    said = next((said for letters, said in _OTHERS.items() if begin.startswith(letters)), "")
    # A letter of UTF-16 without its mark.
    if b"\0" in begin[:2] and not said:
        said = "begins with a zero byte or has one behind its first letter: it is no text in UTF-8"
    if said:
        raise Failure(Exit.USAGE, f"{path} {said}", received=begin[:4])


def stretches(
    path: str,
    beginnings: Callable[[IO[bytes]], Iterator[tuple[int, int]]],
    part_bytes: int,
    start: int | None = None,
) -> list[Stretch | None]:
    """A file of text in stretches of some `part_bytes`; one that is packed or small is whole.

    `beginnings` says where rows begin, here and there: the place of one and its number. The first
    row begins at `start`, or where the text does.
    """
    if path.endswith(".gz"):
        return [None]
    with opened(path) as file:
        start = file.tell() if start is None else start
        size = file.seek(0, io.SEEK_END)
        if size <= part_bytes:
            return [None]
        file.seek(start)
        found = [(start, 1)]
        for at, row in beginnings(file):
            if found[-1][0] + part_bytes <= at < size:
                found.append((at, row))
    stops = [*(at for at, _ in found[1:]), None]
    return [Stretch(at, stop, row) for (at, row), stop in zip(found, stops, strict=True)]


def line_estimate(file: IO[bytes]) -> int:
    """How many lines a file of text has, if all are as long as those of its first megabyte."""
    sample = file.read(SAMPLE_BYTES)
    return round(file.seek(0, io.SEEK_END) * sample.count(b"\n") / max(1, len(sample)))


def without(content: bytes, ends: Places, is_row: Places, gone: Places) -> bytes:
    """Bytes without some of the records that they consist of, which end at `ends`. Those that are
    rows count from 0."""
    stays = np.ones(len(ends), bool)
    stays[np.flatnonzero(is_row)[gone]] = False
    kept = np.repeat(stays, np.diff(ends, prepend=0))
    return np.frombuffer(content, np.uint8)[kept].tobytes()


class _Until(io.RawIOBase):
    """A stream that ends at a place in another; no place is that one's end."""

    def __init__(self, file: IO[bytes], stop: int | None) -> None:
        super().__init__()
        self._file = file
        self._left = None if stop is None else stop - file.tell()

    def read(self, size: int = -1) -> bytes:
        if self._left is None:
            return self._file.read(size)
        content = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content

    def readinto(self, memory: Any) -> int:
        with memoryview(memory) as given:
            size = len(given) if self._left is None else min(len(given), self._left)
            count: int = self._file.readinto(given[:size])  # type: ignore[attr-defined]
        self._left = None if self._left is None else self._left - count
        return count

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


class _Unpacked(gzip.GzipFile):
    """Closes what it reads from, too."""

    def __init__(self, packed: IO[bytes]) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def _is_unknown(error: BaseException | None) -> bool:
    """Whether Arrow knows what it read, and only cannot read it."""
    return isinstance(error, pa.ArrowNotImplementedError)


_DAMAGE = (pa.ArrowException, EOFError, csv.Error, zlib.error)
# Of a good file: Arrow does not read a missing list among lists of one size (its issue 35692).
_FIXED_LISTS = "Expected all lists to be of size"
# What an error begins with where it is a store's, not the content's.
_STORES = ("AWS Error", "google::cloud")


class damage:
    """Turns the readers' errors over a damaged file into a Failure with exit code 5, over one that
    has gone since it was found into one with exit code 6."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            rule = "an input must stay until it has been read"
            raise Failure(Exit.ENVIRONMENT, rule, received=f"no {self._path} any more") from None
        # Arrow's readers raise an OSError without a number for damage, and so does gzip.
        damaged = isinstance(error, OSError) and error.errno is None
        if not (damaged or isinstance(error, _DAMAGE)):
            return
        said = " ".join(str(error).split())
        if any(store in said for store in _STORES):
            rule = f"{self._path} must be readable"
            raise Failure(Exit.ENVIRONMENT, rule, received=said[:300]) from None
        if _FIXED_LISTS in said or (_is_unknown(error) and "crypt" not in said):
            rule = f"{self._path} must hold what pyarrow {pa.__version__} can read"
            hint = "; write a column of lists of one size as lists of any" * (_FIXED_LISTS in said)
            raise Failure(Exit.USAGE, rule + hint, received=said[:300]) from None
        state = "encrypted" if "crypt" in said else "damaged or cut short"
        rule = f"{self._path} is {state}"
        raise Failure(Exit.INTEGRITY, rule, received=said[:300]) from None
