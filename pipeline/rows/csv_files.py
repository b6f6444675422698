"""Rows of CSV files: text only ("00123" stays), at any delimiter, quoted line ends and all."""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from kinds.columns import Rejected, large_rows
from kinds.columns.columns import Indices, decoded, where
from pipeline.failures import Exit, Failure
from pipeline.rows.batches import BLOCK_BYTES, PART_BYTES, RawBatch, numbered, slices
from pipeline.rows.csv_dialect import AS_FOUND, Csv, Dialect, dialect
from pipeline.rows.csv_records import BACKSLASH, Piece, Records, is_line_end
from pipeline.rows.files import Places, Stretch, line_estimate, opened, stretches, without

# So many bytes are read at a time, and more, up to BLOCK_BYTES, where a row does not fit.
READ_BYTES = BLOCK_BYTES // 8
# A file in which so many rows are broken by a backslash is written with backslashes.
_MOST_BACKSLASHES = 10
# So many cells that are the names of their columns make a header.
_ENOUGH_NAMES = 3
log = logging.getLogger("pipeline.rows")


def names(path: str, csv: Csv = AS_FOUND) -> list[str]:
    return dialect(path, csv).columns


def parts(path: str, csv: Csv = AS_FOUND) -> list[Stretch | None]:
    """Stretches of whole records."""
    if path.endswith(".gz"):
        return [None]
    found = dialect(path, csv)
    return stretches(path, lambda file: _beginnings(file, found, csv), PART_BYTES, found.start)


def count(file: IO[bytes]) -> int:
    """Line ends in quotes count too, so there may be fewer."""
    return max(0, line_estimate(file) - 1)


def _beginnings(file: IO[bytes], found: Dialect, csv: Csv) -> Iterator[tuple[int, int]]:
    """Where some rows begin: the place of one and its number."""
    blocks, records = _Blocks(file), _records(found, csv)
    place, row = file.tell(), 1
    while blocks.read():
        pieces, _ = blocks.pieces(records)
        place += blocks.drop(pieces)
        row += sum(piece.rows for piece in pieces)
        yield place, row


def read(
    path: str,
    columns: list[str],
    batch_rows: int,
    part: Stretch | None = None,
    csv: Csv = AS_FOUND,
) -> Iterator[RawBatch]:
    found, broken = dialect(path, csv), list[Rejected]()
    first_row = 1 if part is None else part.first_row
    reader = _Reader(path, columns, found, csv, broken)
    with opened(path, part) as file:
        if part is None:
            file.seek(found.start)
        blocks = _joined(reader.batches(file, first_row), batch_rows, BLOCK_BYTES // READ_BYTES)
        batches = (rows for block in blocks for rows in slices(block, batch_rows))
        empty = pa.schema([(c, pa.binary()) for c in columns])
        for batch in numbered(batches, broken, empty, first_row):
            yield _as_text(batch, len(found.columns))
    if reader.records.doubtful:
        _warn(path)


def write_without(path: str, numbers: Places, to: IO[bytes], csv: Csv = AS_FOUND) -> None:
    """Every other byte stays as it is: the header, what is broken, blank lines."""
    found = dialect(path, csv)
    records, row = _records(found, csv), 1
    with opened(path) as file:
        file.seek(0)
        to.write(file.read(found.start))
        blocks = _Blocks(file)
        while blocks.read():
            pieces, _ = blocks.pieces(records)
            for piece in pieces:
                content = bytes(memoryview(blocks.memory)[piece.start : piece.stop])
                gone = numbers[slice(*np.searchsorted(numbers, [row, row + piece.rows]))] - row
                to.write(_piece_without(records, content, gone) if len(gone) else content)
                row += piece.rows
            blocks.drop(pieces)


def _piece_without(records: Records, content: bytes, gone: Places) -> bytes:
    ends = records.ends(content)
    starts = np.append(0, ends[:-1])
    is_row = ~is_line_end(np.frombuffer(content, np.uint8)[starts])
    return without(content, ends, is_row, gone)


@cache
def _warn(path: str) -> None:
    """Once, though the rows are read twice."""
    log.warning("%s: cells with line ends may be rows behind a quote that is not closed", path)


def _records(found: Dialect, csv: Csv) -> Records:
    return Records(found.delimiter, len(found.columns), escape=csv.escape)


class _Blocks:
    """What is read of a file and not used yet: the first `size` bytes of `memory`, which is filled
    again and again. They begin with a record."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.memory, self.size, self.is_end = file, bytearray(READ_BYTES), 0, False

    def read(self) -> bool:
        """Adds a block, and more up to one in which a line ends. Whether there is anything left."""
        has_line_end = False
        while not has_line_end and not self.is_end:
            start = self.size
            if len(self.memory) < start + READ_BYTES:
                # Bytes that Arrow has read may not be moved, so these are others.
                self.memory = self.memory[:start] + bytes(max(start, READ_BYTES))
            with memoryview(self.memory) as memory:
                block = memory[start : start + READ_BYTES]
                self.size += self._file.readinto(block)  # type: ignore[attr-defined]
            self.is_end = self.size == start
            ends = (self.memory.find(end, start, self.size) for end in (b"\n", b"\r"))
            has_line_end = any(end >= 0 for end in ends) or self.size >= BLOCK_BYTES
        return bool(self.size)

    def pieces(self, records: Records) -> tuple[list[Piece], bool]:
        """Its whole records (pipeline.rows.csv_records). Raises EOFError where one has no end."""
        content = bytes(memoryview(self.memory)[: self.size])
        pieces, is_several = records.pieces(content, is_end=self.is_end)
        if not pieces and self.size >= BLOCK_BYTES:
            line = records.unclosed(content)
            if line is None:
                size = f"{BLOCK_BYTES >> 20} MB"
                raise EOFError(f"a row of more than {size}, or a quote that is never closed")
            pieces = [line]
        return pieces, is_several

    def drop(self, pieces: Sequence[Piece]) -> int:
        """Lets go of the pieces, and says how many bytes they had."""
        dropped = pieces[-1].stop if pieces else 0
        left = self.size - dropped
        self.memory[:left] = self.memory[dropped : self.size]
        self.size = left
        return dropped


class _Reader:
    """Reads the rows of one file. What is broken is added to `broken`."""

    def __init__(
        self, path: str, columns: list[str], found: Dialect, csv: Csv, broken: list[Rejected]
    ) -> None:
        self._path, self._columns, self._found, self._escape = path, columns, found, csv.escape
        self._broken, self._backslashes = broken, 0
        self.records = _records(found, csv)
        letter = re.escape(found.delimiter.encode())
        self._nothing = re.compile(rb"(?<![^\r\n%b])\\N(?![^\r\n%b])" % (letter, letter))

    def batches(self, file: IO[bytes], row: int) -> Iterator[pa.RecordBatch]:
        """The good rows of what is left of a file, whose first row has that number."""
        blocks, has_several = _Blocks(file), False
        while blocks.read():
            at_once = None if has_several else self._at_once(blocks, row)
            if at_once is None:
                pieces, has_several = blocks.pieces(self.records)
                for piece in pieces:
                    yield from self._rows(blocks.memory, piece, row)
                    row += piece.rows
                blocks.drop(pieces)
            else:
                batch, piece = at_once
                blocks.drop([piece])
                yield batch
                row += piece.rows

    def _at_once(self, blocks: _Blocks, row: int) -> tuple[pa.RecordBatch, Piece] | None:
        """Whole lines, if each is a record; None where that is not sure."""
        content, size = blocks.memory, blocks.size
        stop = size if blocks.is_end else content.rfind(b"\n", 0, size) + 1
        if not stop or not self._may_be_lines(content, stop):
            return None
        lines = content.count(b"\n", 0, stop) + (not content.endswith(b"\n", 0, stop))
        ragged: list[Rejected] = []
        batch = self._parsed(content, Piece(0, stop, lines), row, ragged)
        rows = batch.num_rows + len(ragged)
        if rows != lines and content.find(b'"', 0, stop) >= 0:
            return None
        self._broken += ragged
        return batch, Piece(0, stop, rows)

    def _may_be_lines(self, content: bytearray, stop: int) -> bool:
        """Whether each line may be a record. Letter by letter bytes are searched fast."""
        returns = content.count(b"\r", 0, stop)
        if returns and returns != content.count(b"\r\n", 0, stop):
            return False
        if content.find(b'"', 0, stop) < 0:
            return True
        has_backslashes = not self._escape and content.find(b"\\", 0, stop) >= 0
        if has_backslashes and content.find(b'\\"', 0, stop) >= 0:
            return False
        last_line = content[content.rfind(b"\n", 0, stop - 1) + 1 : stop]
        return self.records.is_closed(bytes(last_line))

    def _rows(self, content: bytearray, piece: Piece, row: int) -> Iterator[pa.RecordBatch]:
        if not piece.reason:
            if piece.rows:
                yield self._parsed(content, piece, row, self._broken)
            return
        text = content[piece.start : piece.stop][:10_000].decode(errors="replace").rstrip("\r\n")
        self._broken.append(Rejected(row, "", piece.reason, text))
        self._backslashes += piece.reason == BACKSLASH
        if self._backslashes == _MOST_BACKSLASHES:
            rule = f"a quote in the quoted cells of {self._path} must be two quotes; --csv-escape"
            received = f"row {row}: {text[:80]}"
            raise Failure(Exit.USAGE, f"{rule} reads a backslash and a quote", received=received)

    def _parsed(
        self, content: bytearray, piece: Piece, row: int, broken: list[Rejected]
    ) -> pa.RecordBatch:
        """The good rows of a piece; the others are added to `broken`."""

        def set_aside(ragged: pyarrow.csv.InvalidRow) -> str:
            said = f"{ragged.actual_columns} cells, the header has {ragged.expected_columns}"
            number = row + ragged.number - 1
            broken.append(Rejected(number, "", "ragged", f"{said}: {ragged.text}"))
            return "skip"

        size = piece.stop - piece.start
        buffer = pa.py_buffer(content).slice(piece.start, size)
        if self._escape and content.find(b"\\N", piece.start, piece.stop) >= 0:
            buffer = pa.py_buffer(self._nothing.sub(b"", buffer.to_pybytes()))
        table = pyarrow.csv.read_csv(
            pa.BufferReader(buffer),
            # Threads would read the rows without their numbers.
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=size + 1, column_names=self._found.columns
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=self._found.delimiter,
                escape_char="\\" if self._escape else False,
                newlines_in_values=True,
                invalid_row_handler=set_aside,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.binary() for name in self._columns},
                include_columns=self._columns,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
            memory_pool=large_rows.pool(size, piece.rows),
        )
        (batch,) = table.combine_chunks().to_batches() or [_no_rows(table.schema)]
        return batch


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], one.type) for one in schema], schema=schema)


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


def _headers(rows: pa.RecordBatch, columns: int) -> Indices:
    """The rows that are the header once more, as in files that were put one behind the other. Of
    the file's columns so many are looked at that it is no row of values by chance."""
    if not rows.num_rows or rows.num_columns < max(2, min(_ENOUGH_NAMES, columns)):
        return np.zeros(0, np.int64)
    found = where(pc.equal(rows.column(1), rows.schema.names[1]))
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if len(found):
            cells = pc.utf8_ltrim(column.take(pa.array(found)), "\ufeff")
            found = found[where(pc.equal(cells, name))]
    return found


def _as_text(batch: RawBatch, columns: int) -> RawBatch:
    """The same rows with their bytes as text; those that are not UTF-8 are set aside, and so is the
    header where it comes again."""
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
    for at in _headers(rows, columns):
        text = ", ".join(rows.schema.names)
        broken.append(Rejected(int(numbers[at]), "", "header_again", text))
        good[at] = False
    if not broken:
        return RawBatch(batch.first_row, rows, batch.broken, batch.row_numbers)
    broken = list({one.row: one for one in reversed(broken)}.values())
    rows = rows.filter(pa.array(good))
    return RawBatch(batch.first_row, rows, batch.broken + broken, numbers[good])
