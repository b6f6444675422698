"""Rows of TFRecord files of tf.Example: each feature a column of cells with any number of values.

TensorFlow reads the records and tfx-bsl takes them apart, a batch at a time. Both are loaded where
such a file is read, so that whoever reads other files does without.
"""

import io
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import pyarrow as pa

from kinds.columns import Rejected
from kinds.columns.columns import Values
from pipeline.console.import_noise import quiet_import, tensorflow
from pipeline.failures import Exit, Failure
from pipeline.rows.batches import BLOCK_BYTES, RawBatch
from pipeline.rows.files import SAMPLE_BYTES
from pipeline.storage import stores

# Before a record stands its length, then its checksum, and behind it another.
_LENGTH, _SUMS_BYTES = struct.Struct("<Q"), 8
# So many records leave TensorFlow together.
_RECORDS = 64


def names(path: str) -> list[str]:
    """The features of the first rows, sorted: an Example keeps them in no order."""
    found: set[str] = set()
    for records in _records(path, 10_000):
        for _, decoded in _decoded(records):
            found.update([""] if decoded is None else decoded.schema.names)
        break
    return sorted(found - {""}) or sorted(found)


def parts(path: str) -> list[None]:
    """The whole file: a record can be found from the one before it only."""
    return [None]


def count(file: IO[bytes]) -> int:
    """From the lengths of the first records: any byte may be a letter of theirs."""
    sample, place, found = file.read(SAMPLE_BYTES), 0, 0
    while place + _LENGTH.size <= len(sample):
        (length,) = _LENGTH.unpack_from(sample, place)
        place += _LENGTH.size + length + _SUMS_BYTES
        found += 1
    size = file.seek(0, io.SEEK_END)
    return found if place >= size else round(size * found / max(1, place))


def read(path: str, columns: list[str], batch_rows: int, part: None = None) -> Iterator[RawBatch]:
    first_row = 1
    for records in _records(path, batch_rows):
        for at, decoded in _decoded(records):
            if decoded is None:
                yield _set_aside(first_row + at, records[at], columns)
            else:
                cells = [_cells(decoded, name) for name in columns]
                rows = pa.RecordBatch.from_arrays(cells, names=columns)
                yield RawBatch(first_row + at, rows)
        first_row += len(records)


def _records(path: str, most: int) -> Iterator[list[bytes]]:
    """The records, at most so many and hardly more than BLOCK_BYTES at a time."""
    tf = _tensorflow(path)
    found: list[bytes] = []
    with _on_this_machine(path) as file:
        packed = "GZIP" if path.endswith(".gz") else ""
        records = tf.data.TFRecordDataset(file, packed).batch(min(most, _RECORDS))
        try:
            for some in records.as_numpy_iterator():
                found += some.tolist()
                if len(found) + _RECORDS > most or sum(map(len, found)) > BLOCK_BYTES:
                    yield found
                    found = []
        except tf.errors.DataLossError as error:
            raise EOFError(error.message) from None
    if found:
        yield found


def _tensorflow(path: str) -> Any:
    try:
        found = tensorflow()
        with quiet_import():
            import tfx_bsl  # noqa: F401
    except ImportError as error:
        rule = f"{path} is read with tensorflow and tfx-bsl; without them, give Parquet"
        raise Failure(Exit.ENVIRONMENT, rule, received=error) from None
    return found


@contextmanager
def _on_this_machine(path: str) -> Iterator[str]:
    """A path that TensorFlow can open; of an object a copy, which goes with the context."""
    if not stores.is_object(path):
        yield path
        return
    with tempfile.NamedTemporaryFile() as copy:
        with stores.reader(path) as file:
            shutil.copyfileobj(file, copy, BLOCK_BYTES)
        copy.flush()
        yield copy.name


def _decoded(records: list[bytes], start: int = 0) -> Iterator[tuple[int, pa.RecordBatch | None]]:
    """The features of the records, and the place of the first; None for one that is no Example.

    tfx-bsl gives up where one record is none or has a feature in another type than the rest: then
    each half is tried.
    """
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    try:
        yield start, ExamplesToRecordBatchDecoder().DecodeBatch(records)
    except RuntimeError:
        if len(records) == 1:
            yield start, None
            return
        half = len(records) // 2
        yield from _decoded(records[:half], start)
        yield from _decoded(records[half:], start + half)


def _cells(decoded: pa.RecordBatch, name: str) -> pa.Array:
    """A feature as it is, and a missing one as bytes that are missing."""
    at = decoded.schema.get_field_index(name)
    if at < 0 or pa.types.is_null(decoded.column(at).type):
        return pa.nulls(decoded.num_rows, Values(pa.binary()))
    column = decoded.column(at)
    kind = column.type.value_type
    kind = pa.binary() if pa.types.is_large_binary(kind) else kind
    return pa.ExtensionArray.from_storage(Values(kind), column.cast(pa.list_(kind)))


def _set_aside(row: int, record: bytes, columns: list[str]) -> RawBatch:
    broken = [Rejected(row, "", "invalid_example", record[:10_000].decode(errors="replace"))]
    none = [pa.nulls(0, Values(pa.binary())) for _ in columns]
    rows = pa.RecordBatch.from_arrays(none, names=columns)
    return RawBatch(row, rows, broken, np.zeros(0, dtype=np.int64))
