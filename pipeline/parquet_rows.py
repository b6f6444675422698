"""Rows of Parquet files, in the file's own types."""

from collections.abc import Iterator

import pyarrow.parquet

from pipeline import stores
from pipeline.raw_batches import RawBatch


def names(path: str) -> list[str]:
    with stores.reader(path) as file:
        return list(pyarrow.parquet.read_schema(file).names)


def read(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    first_row = 1
    with (
        stores.reader(path) as content,
        pyarrow.parquet.ParquetFile(content, page_checksum_verification=True) as file,
    ):
        for batch in file.iter_batches(batch_size=batch_rows, columns=columns):
            yield RawBatch(first_row, batch.select(columns))
            first_row += batch.num_rows
