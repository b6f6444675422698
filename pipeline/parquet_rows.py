"""Rows of Parquet files, in the file's own types."""

from collections.abc import Iterator

import pyarrow.parquet

from pipeline.raw_batches import RawBatch


def names(path: str) -> list[str]:
    return list(pyarrow.parquet.read_schema(path).names)


def read(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    first_row = 1
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
            yield RawBatch(first_row, batch.select(columns))
            first_row += batch.num_rows
