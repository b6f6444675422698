"""Rows of CSV files: text only ("00123" stays), at any delimiter, quoted line ends and all."""

import csv
import io
import threading
import weakref
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from kinds.columns import Rejected, large_rows
from kinds.columns.columns import decoded
from pipeline.failures import Exit, Failure
from pipeline.rows.batches import BLOCK_BYTES, PART_BYTES, RawBatch, numbered, slices
from pipeline.rows.csv_beginnings import beginnings
from pipeline.rows.files import Stretch, opened, stretches

DELIMITERS = ",\t;|\x01\x1f"
_PATIENCE_SECONDS = 30.0
# Arrow reads up to 32 blocks ahead of whoever takes them. So they are small as long as rows fit.
_SMALLER = 8


def names(path: str) -> list[str]:
    return _header(path)[1]


def parts(path: str) -> list[Stretch | None]:
    """Stretches between line ends that stand in no quotes (pipeline.rows.csv_beginnings)."""
    delimiter = _header(path)[0]
    return stretches(path, lambda file: beginnings(file, delimiter), PART_BYTES)


def read(
    path: str, columns: list[str], batch_rows: int, part: Stretch | None = None
) -> Iterator[RawBatch]:
    done = 0
    for block_bytes in (BLOCK_BYTES // _SMALLER, BLOCK_BYTES):
        try:
            for batch in _read(path, columns, batch_rows, part, block_bytes):
                if batch.last_row() > done:
                    yield batch.after(done)
                    done = batch.last_row()
            return
        except pa.ArrowInvalid:
            # A row that does not fit into a small block may fit into a large one.
            if block_bytes == BLOCK_BYTES:
                raise
        large_rows.give_back()


def _read(
    path: str, columns: list[str], batch_rows: int, part: Stretch | None, block_bytes: int
) -> Iterator[RawBatch]:
    broken: list[Rejected] = []
    first_row = 1 if part is None else part.first_row
    delimiter, header = _header(path)
    # A stretch in the middle begins with a row, and Arrow counts that as the first.
    in_the_middle = first_row > 1
    before = first_row - 1 if in_the_middle else -1

    def set_aside(row: pyarrow.csv.InvalidRow) -> str:
        said = f"{row.actual_columns} cells, the header has {row.expected_columns}: {row.text}"
        broken.append(Rejected(row.number + before, "", "ragged", said))
        return "skip"

    if not _has_lines_after_the_header(path):
        return
    reader = _arrow_blocks(
        opened(path, part),
        # Threads would read the rows without their numbers.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=block_bytes,
            column_names=header if in_the_middle else None,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=delimiter,
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
        # Only for a large row is the block a large one.
        memory_pool=large_rows.pool(BLOCK_BYTES, 1) if block_bytes == BLOCK_BYTES else None,
    )
    blocks = _joined(reader, batch_rows, BLOCK_BYTES // block_bytes)
    batches = (part for block in blocks for part in slices(block, batch_rows))
    empty = pa.schema([(c, pa.binary()) for c in columns])
    for batch in numbered(batches, broken, empty, first_row):
        yield _as_text(batch)


def _joined(
    blocks: Iterator[pa.RecordBatch], batch_rows: int, most: int
) -> Iterator[pa.RecordBatch]:
    """So many blocks as one that it has at least `batch_rows`, at `most` so many."""
    held: list[pa.RecordBatch] = []
    for block in blocks:
        held.append(block)
        if len(held) == most or sum(one.num_rows for one in held) >= batch_rows:
            yield _one(held)
            held = []
    if held:
        yield _one(held)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _arrow_blocks(file: IO[bytes], **options: Any) -> Iterator[pa.RecordBatch]:
    """What Arrow's reader gives, which reads ahead in a thread of its own.

    However this ends, that thread has ended before: one that still holds the file while Python
    shuts down ends the process by a signal.
    """
    let_go = threading.Event()
    reader = None
    try:
        reader = pyarrow.csv.open_csv(_for_arrow(file, let_go), **options)
        yield from reader
    finally:
        del reader
        let_go.wait(_PATIENCE_SECONDS)


def _for_arrow(file: IO[bytes], let_go: threading.Event) -> pa.PythonFile:
    """A stream that sets `let_go` when it is held no more."""
    stream = _WholeLineEnds(file)
    weakref.finalize(stream, let_go.set)
    return pa.PythonFile(stream, mode="r")


def _header(path: str) -> tuple[str, list[str]]:
    """The delimiter, which is the one that makes most columns of the header, and the columns."""
    # By a delimiter that is not the file's a whole header is one field.
    limit = csv.field_size_limit(BLOCK_BYTES)
    try:
        headers = {delimiter: _first_record(path, delimiter) for delimiter in DELIMITERS}
    finally:
        csv.field_size_limit(limit)
    delimiter = max(headers, key=lambda one: len(headers[one]))
    names = headers[delimiter]
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise Failure(Exit.USAGE, "the header must be UTF-8 text", received=path)
    return delimiter, names


def _first_record(path: str, delimiter: str) -> list[str]:
    # A byte that is not UTF-8 in a later row is that row's fault, not the header's.
    with (
        opened(path) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text,
    ):
        return next((record for record in csv.reader(text, delimiter=delimiter) if record), [])


class _WholeLineEnds(io.RawIOBase):
    """A stream whose reads never end between a CR and a LF.

    Arrow takes a LF at the start of a block for the second half of a line end, and drops it even
    where both stand in quotes.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._held = b""

    def read(self, size: int = -1) -> bytes:
        content = self._held + self._file.read(size - len(self._held) if size > 0 else size)
        self._held = b""
        if content.endswith(b"\r") and len(content) == size > 1:
            content, self._held = content[:-1], b"\r"
        return content

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _has_lines_after_the_header(path: str) -> bool:
    """Arrow's reader takes a header without a line end for a damaged file."""
    with opened(path) as file:
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
