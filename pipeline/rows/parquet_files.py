"""Rows of Parquet files, in the file's own types."""

from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from kinds.columns.usual_types import usual
from pipeline.rows.batches import PART_BYTES, RawBatch
from pipeline.rows.files import Places
from pipeline.storage import stores


def names(path: str) -> list[str]:
    with stores.reader(path) as file:
        return list(pyarrow.parquet.read_schema(file).names)


def parts(path: str) -> list[range]:
    """Row groups that follow each other, some PART_BYTES of them together, unpacked."""
    with stores.reader(path) as file:
        footer = pyarrow.parquet.read_metadata(file)
    found, start, size = [], 0, 0
    for group in range(footer.num_row_groups):
        size += footer.row_group(group).total_byte_size
        if size >= PART_BYTES or group == footer.num_row_groups - 1:
            found.append(range(start, group + 1))
            start, size = group + 1, 0
    return found


def count(file: IO[bytes]) -> int:
    return int(pyarrow.parquet.read_metadata(file).num_rows)


def write_without(path: str, numbers: Places, to: IO[bytes]) -> None:
    """The schema, the row groups and the compression stay; one group at a time is in memory."""
    with (
        stores.reader(path) as content,
        pyarrow.parquet.ParquetFile(content, page_checksum_verification=True) as file,
        pyarrow.parquet.ParquetWriter(to, file.schema_arrow, compression=_codec(file)) as writer,
    ):
        row = 1
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            stays = ~np.isin(np.arange(row, row + table.num_rows), numbers)
            row += table.num_rows
            if stays.any():
                left = table.filter(pa.array(stays))
                writer.write_table(left, row_group_size=left.num_rows)


def _codec(file: pyarrow.parquet.ParquetFile) -> str:
    """That of the first column, as a writer names it."""
    if not file.num_row_groups or not file.metadata.num_columns:
        return "snappy"
    codec = file.metadata.row_group(0).column(0).compression.lower()
    return "none" if codec == "uncompressed" else codec


def read(
    path: str, columns: list[str], batch_rows: int, groups: range | None = None
) -> Iterator[RawBatch]:
    """The rows of all row groups, or of some. Their numbers are those in the whole file."""
    with (
        stores.reader(path) as content,
        pyarrow.parquet.ParquetFile(content, page_checksum_verification=True) as file,
    ):
        groups = range(file.num_row_groups) if groups is None else groups
        before = range(groups.start)
        first_row = 1 + sum(file.metadata.row_group(group).num_rows for group in before)
        left = sum(file.metadata.row_group(group).num_rows for group in groups)
        batches = file.iter_batches(batch_rows, list(groups), columns=columns)
        for batch in batches:
            left -= batch.num_rows
            if not left:
                next(batches, None)  # Its pages stay in memory until it is asked in vain.
            yield RawBatch(first_row, usual(batch.select(columns)))
            first_row += batch.num_rows
