"""Files of rows to Arrow batches: CSV, JSONL and Parquet, as a stream, with a number for every row.

Nothing is cast here: CSV gives text only ("00123" stays), JSONL and Parquet their own types. A row
that the format itself cannot give is set aside with a reason and the rest is read on. Standard
library, numpy and pyarrow only: the scorer reads its rows here too.
"""

import csv
import glob
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipeline.casting import Rejected, decoded
from pipeline.failures import Exit, Failure
from pipeline.json_rows import JsonColumns, object_keys

BATCH_ROWS = 32_768
# One row has to fit into a block, and a few blocks are in memory at a time.
BLOCK_BYTES = 16 << 20
DELIMITERS = ",\t;|\x01\x1f"
_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class RawBatch:
    """Some rows of one file. Rows count from 1, without the header and without blank lines.

    `row_numbers` is None where the rows follow each other from `first_row` without a gap.
    """

    first_row: int
    rows: pa.RecordBatch
    broken: list[Rejected] = field(default_factory=list)
    row_numbers: npt.NDArray[np.int64] | None = None

    def numbers(self) -> npt.NDArray[np.int64]:
        """int64 [rows]: the number of each row in its file."""
        if self.row_numbers is not None:
            return self.row_numbers
        return np.arange(self.first_row, self.first_row + self.rows.num_rows, dtype=np.int64)


def expand(patterns: Sequence[str]) -> list[str]:
    """The files that the patterns name, sorted. Raises Failure 2 for a pattern without a file."""
    found = set()
    for pattern in patterns:
        # Path.glob takes no absolute pattern.
        matches = glob.glob(pattern, recursive=True)  # noqa: PTH207
        files = [path for path in matches if Path(path).is_file()]
        if not files:
            raise Failure(Exit.USAGE, "an input must name at least one file", received=pattern)
        found.update(files)
    return sorted(found)


def column_names(path: str) -> list[str]:
    """The columns of a file: its header, its schema, or the keys of its first JSON rows.

    Empty where the file is. Raises Failure: 2 for a column named twice, 5 for a damaged file.
    """
    with _damage(path):
        names = _NAMES[_format(path)](path)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Failure(Exit.USAGE, f"a column must be named once in {path}", received=twice)
    return names


def read(path: str, columns: Sequence[str], batch_rows: int = BATCH_ROWS) -> Iterator[RawBatch]:
    """Streams the named columns of a file, every row of it in some batch or its `broken`.

    Raises Failure: 2 for an unknown suffix or missing columns, 5 for a damaged file.
    """
    wanted = list(dict.fromkeys(columns))
    names = column_names(path)
    if not names:
        return
    missing = [name for name in wanted if name not in names]
    if missing and _format(path) != "jsonl":
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule, received=names[:50])
    with _damage(path):
        yield from _READERS[_format(path)](path, wanted, batch_rows)


def check_columns(path: str, columns: Sequence[str]) -> list[str]:
    """The columns of the file beyond the named ones. Raises Failure 2 where a named one is missing.

    A JSON row may leave a key out, so a JSONL file lacks a column only if no early row has it.
    """
    names = column_names(path)
    if names == [""] and _format(path) == "jsonl":
        return []  # No line is an object: its rows are rejected one by one.
    if missing := [name for name in dict.fromkeys(columns) if names and name not in names]:
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule, received=names[:50])
    return [name for name in names if name not in columns]


class _damage:
    """Turns the readers' errors over a damaged file into a Failure with exit code 5."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        # Arrow's readers raise an OSError without a number for damage, and so does gzip.
        damaged = isinstance(error, OSError) and error.errno is None
        if not (damaged or isinstance(error, pa.ArrowException | EOFError | csv.Error)):
            return
        said = " ".join(str(error).split())
        if "straddl" in said:
            said = f"a row of more than {BLOCK_BYTES >> 20} MB, or a quote that is never closed"
        rule = f"{self._path} is damaged or cut short"
        raise Failure(Exit.INTEGRITY, rule, received=said[:300]) from None


def _format(path: str) -> str:
    plain = Path(path.removesuffix(".gz"))
    kind = _SUFFIXES.get(plain.suffix.lower(), "")
    if not kind or (kind == "parquet" and path.endswith(".gz")):
        rule = "rows are read from .csv, .tsv, .jsonl, .ndjson (each also .gz) and .parquet"
        raise Failure(Exit.USAGE, rule, received=path)
    return kind


def _open(path: str) -> IO[bytes]:
    return gzip.open(path) if path.endswith(".gz") else Path(path).open("rb")  # type: ignore[return-value]


def _csv_names(path: str) -> list[str]:
    return _csv_header(path)[1]


def _csv_header(path: str) -> tuple[str, list[str]]:
    """The delimiter, which is the one that makes most columns of the header, and the columns."""
    headers = {delimiter: _first_record(path, delimiter) for delimiter in DELIMITERS}
    delimiter = max(headers, key=lambda one: len(headers[one]))
    names = headers[delimiter]
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise Failure(Exit.USAGE, "the header must be UTF-8 text", received=path)
    return delimiter, names


def _first_record(path: str, delimiter: str) -> list[str]:
    # A byte that is not UTF-8 in a later row is that row's fault, not the header's.
    with (
        _open(path) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        return next((record for record in csv.reader(text, delimiter=delimiter) if record), [])


def _jsonl_names(path: str) -> list[str]:
    with _open(path) as file:
        return object_keys(next(_line_blocks(file), b""))


def _parquet_names(path: str) -> list[str]:
    return list(pyarrow.parquet.read_schema(path).names)


def _read_csv(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    broken: list[Rejected] = []

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        said = f"{row.actual_columns} cells, the header has {row.expected_columns}: {row.text}"
        broken.append(Rejected(row.number - 1, "", "ragged", said))
        return "skip"

    if not _has_lines_after_the_header(path):
        return
    reader = pyarrow.csv.open_csv(
        pa.PythonFile(_WholeLineEnds(_open(path)), mode="r"),
        # Threads would read the rows without their numbers.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=_csv_header(path)[0],
            newlines_in_values=True,
            invalid_row_handler=set_aside,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.binary() for name in columns},
            include_columns=columns,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    batches = (part for block in reader for part in _slices(block, batch_rows))
    for batch in _numbered(batches, broken, pa.schema([(c, pa.binary()) for c in columns])):
        yield _as_text(batch)


class _WholeLineEnds(io.RawIOBase):
    """A stream whose reads never end between a CR and a LF.

    Arrow takes a LF at the start of a block for the second half of a line end, and drops it even
    where both stand in quotes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int = -1) -> bytes:
        content = self._file.read(size - 1 if size > 1 else size)
        return content + self._file.read(1) if content.endswith(b"\r") else content

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _has_lines_after_the_header(path: str) -> bool:
    """Arrow's reader takes a header without a line end for a damaged file."""
    with _open(path) as file:
        return b"\n" in (start := file.read(BLOCK_BYTES)).strip() or b"\r" in start.strip()


def _as_text(batch: RawBatch) -> RawBatch:
    """The same rows with their bytes as text; those that are not UTF-8 are set aside."""
    numbers, arrays, broken = batch.numbers(), [], []
    good = np.ones(batch.rows.num_rows, dtype=bool)
    for name, column in zip(batch.rows.schema.names, batch.rows.columns, strict=True):
        text, bad = decoded(column)
        for at in bad:
            broken.append(
                Rejected(
                    int(numbers[at]),
                    name,
                    "invalid_utf8",
                    column[int(at)].as_py().decode(errors="replace"),
                )
            )
        good[bad] = False
        arrays.append(text)
    rows = pa.RecordBatch.from_arrays(arrays, names=batch.rows.schema.names)
    if not broken:
        return RawBatch(batch.first_row, rows, batch.broken, batch.row_numbers)
    broken = list({one.row: one for one in reversed(broken)}.values())
    rows = rows.filter(pa.array(good))
    return RawBatch(batch.first_row, rows, batch.broken + broken, numbers[good])


def _read_jsonl(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    broken: list[Rejected] = []
    reader = JsonColumns(columns)

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        first_row = 1
        for block in _line_blocks(file):
            rows, bad = reader.parse(block, first_row)
            broken.extend(bad)
            first_row += rows.num_rows + len(bad)
            yield from _slices(rows, batch_rows)

    with _open(path) as file:
        empty = pa.schema([(name, pa.string()) for name in columns])
        yield from _numbered(batches(file), broken, empty)


def _line_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about BLOCK_BYTES at a time, without a byte order mark."""
    parts = [file.read(BLOCK_BYTES).removeprefix(b"\xef\xbb\xbf")]
    while parts[-1]:
        whole, newline, rest = parts[-1].rpartition(b"\n")
        if newline:
            yield b"".join([*parts[:-1], whole, newline])
            parts = [rest]
        parts.append(file.read(BLOCK_BYTES))
    if last := b"".join(parts):
        yield last


def _read_parquet(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    first_row = 1
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
            yield RawBatch(first_row, batch.select(columns))
            first_row += batch.num_rows


def _slices(block: pa.RecordBatch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, block.num_rows, batch_rows):
        yield block.slice(start, batch_rows)


def _numbered(
    batches: Iterator[pa.RecordBatch], broken: list[Rejected], empty: pa.Schema
) -> Iterator[RawBatch]:
    """Gives every row its number, given the numbers of the broken rows between them.

    The reader adds to `broken` while it reads, at least up to the batch that it gives.
    """
    first_row = 1
    for rows in batches:
        count = rows.num_rows
        gaps = np.array([one.row for one in broken], dtype=np.int64)
        good_before = gaps - first_row - np.arange(len(gaps))
        skipped = np.searchsorted(good_before, np.arange(count), side="right")
        taken = int(np.searchsorted(good_before, count - 1, side="right"))
        numbers = first_row + np.arange(count, dtype=np.int64) + skipped if taken else None
        yield RawBatch(first_row, rows, broken[:taken], numbers)
        del broken[:taken]
        first_row += count + taken
    if broken:
        none = [pa.array([], column.type) for column in empty]
        rows = pa.RecordBatch.from_arrays(none, schema=empty)
        yield RawBatch(first_row, rows, list(broken), np.zeros(0, dtype=np.int64))


_Reader = Callable[[str, list[str], int], Iterator[RawBatch]]
_NAMES: dict[str, Callable[[str], list[str]]] = {
    "csv": _csv_names,
    "jsonl": _jsonl_names,
    "parquet": _parquet_names,
}
_READERS: dict[str, _Reader] = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet}
