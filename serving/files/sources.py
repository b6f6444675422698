"""Files of rows for the scorer: those of pipeline.rows, and Arrow IPC (.arrow, both kinds)."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from kinds.columns import carried
from kinds.columns.usual_types import usual
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.rows.files import damage
from pipeline.storage import stores


def is_arrow(path: str) -> bool:
    return Path(path).suffix.lower() == ".arrow"


def column_names(path: str, csv: Csv = AS_FOUND) -> list[str]:
    """The columns of a file. Raises Failure: 2 for one named twice, 5 for a damaged file."""
    if not is_arrow(path):
        return rows.column_names(path, csv)
    with _opened(path) as reader:
        names = list(reader.schema.names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Failure(Exit.USAGE, f"a column must be named once in {path}", received=twice)
    return names


def check_columns(path: str, columns: Sequence[str], csv: Csv = AS_FOUND) -> None:
    """Raises Failure 2 where the file misses a column. A file without any rows may miss all, and so
    may rows of JSONL and TFRecord."""
    if not is_arrow(path):
        rows.check_columns(path, columns, csv)
        return
    names = column_names(path)
    if missing := [name for name in dict.fromkeys(columns) if name not in names]:
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule + near_columns(missing, names), received=names[:50])


def column_types(path: str, columns: Sequence[str]) -> list[pa.Field]:
    """The columns as a file without rows has them: of its schema, or text where it has none."""
    schema = pa.schema([])
    if is_arrow(path):
        with _opened(path) as reader:
            schema = reader.schema
    elif Path(path).suffix.lower() == ".parquet":
        with damage(path), stores.reader(path) as file:
            schema = pyarrow.parquet.read_schema(file)
    known = [schema.field(c) if c in schema.names else pa.field(c, pa.string()) for c in columns]
    nothing = pa.RecordBatch.from_pylist([], schema=pa.schema(known))
    return list(carried(usual(nothing)).schema)


def read(
    path: str, columns: Sequence[str], batch_rows: int, csv: Csv = AS_FOUND
) -> Iterator[RawBatch]:
    """Streams the named columns of a file, in batches of at most so many rows."""
    if is_arrow(path):
        yield from _read_arrow(path, list(dict.fromkeys(columns)), batch_rows)
    else:
        yield from rows.read(path, columns, batch_rows, csv=csv)


def rows_about(files: Sequence[str]) -> int | None:
    """How many rows there will be, for the estimate of the time left; None where unknown."""
    return None if any(map(is_arrow, files)) else rows.about(files)


def _read_arrow(path: str, columns: list[str], batch_rows: int) -> Iterator[RawBatch]:
    first_row = 1
    with _opened(path) as reader:
        for batch in _batches(reader):
            for start in range(0, batch.num_rows, batch_rows):
                part = usual(batch.select(columns).slice(start, batch_rows))
                yield RawBatch(first_row, part)
                first_row += part.num_rows


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pyarrow.ipc.RecordBatchFileReader):
        yield from (reader.get_batch(at) for at in range(reader.num_record_batches))
    else:
        yield from reader


def _source(path: str) -> Any:
    """The bytes of a file, mapped into memory where they are on this machine."""
    return stores.reader(path) if stores.is_object(path) else pa.memory_map(os.fsencode(path))


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """A reader of either IPC format. Damage becomes a Failure with exit code 5."""
    try:
        with closing(_source(path)) as source:
            try:
                reader = pyarrow.ipc.open_file(source)
            except pa.ArrowInvalid:
                source.seek(0)
                reader = pyarrow.ipc.open_stream(source)
            yield reader
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = " ".join(str(error).split())[:300]
        raise Failure(Exit.INTEGRITY, f"{path} is damaged or cut short", received=said) from None
