"""Rows of files with a JSON object a line."""

from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from pipeline.casting import Rejected
from pipeline.json_columns import JsonColumns, object_keys
from pipeline.raw_batches import BLOCK_BYTES, RawBatch, numbered, slices
from pipeline.row_files import opened


def names(path: str) -> list[str]:
    with opened(path) as file:
        return object_keys(next(_line_blocks(file), b""))


def read(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    broken: list[Rejected] = []
    reader = JsonColumns(columns)

    def batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
        first_row = 1
        for block in _line_blocks(file):
            rows, bad = reader.parse(block, first_row)
            broken.extend(bad)
            first_row += rows.num_rows + len(bad)
            yield from slices(rows, batch_rows)

    with opened(path) as file:
        empty = pa.schema([(name, pa.string()) for name in columns])
        yield from numbered(batches(file), broken, empty)


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
