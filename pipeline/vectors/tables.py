"""Vectors in Parquet: a column of texts and a column of lists of numbers, all of one length."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from pipeline.storage import stores
from pipeline.vectors.source import Array, Damaged, Source

_BLOCK = 4096


def source(path: str) -> Iterator[Source]:
    with stores.reader(path) as file:
        try:
            yield _of(pq.ParquetFile(file))
        except pa.ArrowInvalid:
            raise Damaged("the file must be Parquet, and whole") from None


def _of(table: pq.ParquetFile) -> Source:
    schema = table.schema_arrow
    texts = [one.name for one in schema if _is_text(one.type)]
    lists = [one.name for one in schema if _is_vector(one.type)]
    if len(texts) != 1 or len(lists) != 1:
        rule = "Parquet of vectors has one column of texts and one of lists of numbers"
        raise Damaged(f"{rule}; not {schema.names}")
    first = next(table.iter_batches(batch_size=1, columns=lists), None)
    if first is None or not first.num_rows or not len(first.column(0).flatten()):
        raise Damaged("the first row must have a vector")
    width = len(first.column(0).flatten())
    return Source(width, _rows(table, texts[0], lists[0], width))


def _is_text(kind: pa.DataType) -> bool:
    own = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(own) or types.is_large_string(own))


def _is_vector(kind: pa.DataType) -> bool:
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(is_list and types.is_floating(kind.value_type))


def _rows(
    table: pq.ParquetFile, text: str, vector: str, width: int
) -> Iterator[tuple[bytes, Array]]:
    for batch in table.iter_batches(batch_size=_BLOCK, columns=[text, vector]):
        lists = batch.column(vector)
        flat = lists.flatten()
        lengths = np.asarray(lists.value_lengths().fill_null(0))
        if flat.null_count or (lengths != width).any():
            raise Damaged(f"each vector must have {width} numbers, as the first one has")
        numbers = flat.to_numpy(zero_copy_only=False).reshape(-1, width)
        for value, row in zip(batch.column(text).to_pylist(), numbers, strict=True):
            if value is not None:
                yield value.encode(), row
