"""Rows of files with a JSON object a line."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa

from kinds.columns import Rejected
from pipeline.rows.batches import BLOCK_BYTES, PART_BYTES, RawBatch, numbered, slices
from pipeline.rows.files import Places, Stretch, line_estimate, opened, stretches, without
from pipeline.rows.json_columns import JsonColumns, line_count, object_keys

# More than any row needs.
LINE_BYTES = 48 << 20
# As `bytes.isspace` has it.
_SPACES = np.frombuffer(b" \t\n\r\x0b\x0c", np.uint8)


def names(path: str) -> list[str]:
    with opened(path) as file:
        blocks = _line_blocks(file)
        return object_keys(next((block for block in blocks if not block.isspace()), b""))


def parts(path: str) -> list[Stretch | None]:
    """A row begins at every line end, so a large file that is not packed has many."""
    return stretches(path, _beginnings, PART_BYTES)


def _beginnings(file: IO[bytes]) -> Iterator[tuple[int, int]]:
    at, row = file.tell(), 1
    for block in _line_blocks(file):
        at += len(block)
        row += line_count(block)
        yield at, row


def count(file: IO[bytes]) -> int:
    return line_estimate(file)


def read(
    path: str, columns: list[str], batch_rows: int, part: Stretch | None = None
) -> Iterator[RawBatch]:
    start = 1 if part is None else part.first_row
    broken: list[Rejected] = []
    reader = JsonColumns(columns)

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        first_row = start
        for block in _line_blocks(file):
            rows, bad = reader.parse(block, first_row)
            broken.extend(bad)
            first_row += rows.num_rows + len(bad)
            yield from slices(rows, batch_rows)

    with opened(path, part) as file:
        empty = pa.schema([(name, pa.string()) for name in columns])
        yield from numbered(batches(file), broken, empty, start)


def write_without(path: str, numbers: Places, to: IO[bytes]) -> None:
    """Every other byte stays as it is: what is broken, blank lines."""
    row = 1
    with opened(path) as file:
        start = file.tell()
        file.seek(0)
        to.write(file.read(start))
        for block in _line_blocks(file):
            rows = line_count(block)
            gone = numbers[slice(*np.searchsorted(numbers, [row, row + rows]))] - row
            to.write(_block_without(block, gone) if len(gone) else block)
            row += rows


def _block_without(block: bytes, gone: Places) -> bytes:
    found = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(found == ord("\n")) + 1
    if not len(ends) or ends[-1] < len(block):
        ends = np.append(ends, len(block))
    is_row = np.add.reduceat(~np.isin(found, _SPACES), np.append(0, ends[:-1])) > 0
    return without(block, ends, is_row, gone)


def _line_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about BLOCK_BYTES at a time. A block that was given is not held on to.

    Raises EOFError for a line that has no end in sight, be it one of a packed file that is small.
    """
    begun: list[bytes] = []
    while more := file.read(BLOCK_BYTES):
        if sum(map(len, begun)) >= LINE_BYTES:
            raise EOFError(f"a line of more than {LINE_BYTES >> 20} MB")
        end = more.rfind(b"\n") + 1
        whole, more = more[:end], more[end:]
        if whole:
            begun.append(whole)
            del whole
            yield _taken(begun)
        if more:
            begun.append(more)
    if begun:
        yield _taken(begun)


def _taken(parts: list[bytes]) -> bytes:
    """The parts as one, none of them held any more."""
    whole = b"".join(parts)
    parts.clear()
    return whole
