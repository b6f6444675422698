"""Files of rows to Arrow batches: CSV, JSONL, Parquet, TFRecord, each row with its number.

Nothing is cast here: CSV gives text only ("00123" stays), the others their own types. A row that
the format itself cannot give is set aside with a reason and the rest is read on. Standard library,
numpy and pyarrow only, but for TFRecord: the scorer reads its rows here too.
"""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

from kinds.columns import large_rows
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns
from pipeline.rows import csv_files, json_files, parquet_files, tfrecord_files
from pipeline.rows.batches import BATCH_ROWS, RawBatch
from pipeline.rows.files import Stretch, damage
from pipeline.storage import stores

# What can be read of a file by itself: row groups, or bytes; None is the whole.
Span: TypeAlias = range | Stretch | None
# Each module reads one format: the `names` of a file's columns, its `parts`, and `read` for rows.
_FORMATS = {
    ".csv": csv_files,
    ".tsv": csv_files,
    ".jsonl": json_files,
    ".ndjson": json_files,
    ".parquet": parquet_files,
    ".tfrecord": tfrecord_files,
}
# In these a row may lack a column.
_LOOSE = (json_files, tfrecord_files)


def expand(patterns: Sequence[str]) -> list[str]:
    """The files and objects that the patterns name, and the tables, sorted.

    Raises Failure 2 for a pattern without one.
    """
    found = {pattern for pattern in patterns if stores.is_table(pattern)}
    for pattern in [one for one in patterns if one not in found]:
        files = stores.matching(pattern) if stores.is_object(pattern) else _files(pattern)
        if not files:
            raise Failure(Exit.USAGE, "an input must name at least one file", received=pattern)
        found.update(files)
    return sorted(found)


def _files(pattern: str) -> list[str]:
    # Path.glob takes no absolute pattern.
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207
    return [path for path in matches if Path(path).is_file()]


def column_names(path: str) -> list[str]:
    """The columns of a file: its header, its schema, or the keys of its first rows.

    Empty where the file is. Raises Failure: 2 for a column named twice, 5 for a damaged file.
    """
    with damage(path):
        names: list[str] = _format(path).names(path)
        large_rows.give_back()  # the first rows may have been large
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Failure(Exit.USAGE, f"a column must be named once in {path}", received=twice)
    return names


def parts(path: str) -> list[Span]:
    """The parts of a file that can be read by themselves; together they are all its rows.

    Raises Failure: 2 for an unknown suffix, 5 for a damaged file.
    """
    with damage(path):
        return [*_format(path).parts(path)]


def read(
    path: str,
    columns: Sequence[str],
    batch_rows: int = BATCH_ROWS,
    part: Span = None,
) -> Iterator[RawBatch]:
    """Streams the named columns of a file, every row of it in some batch or its `broken`.

    A `part` is one of `parts`; its rows have the numbers that they have in the whole file.

    Raises Failure: 2 for an unknown suffix or missing columns, 5 for a damaged file.
    """
    wanted = list(dict.fromkeys(columns))
    names = column_names(path)
    if not names:
        return
    missing = [name for name in wanted if name not in names]
    if missing and _format(path) not in _LOOSE:
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule + near_columns(missing, names), received=names[:50])
    with damage(path):
        for batch in _format(path).read(path, wanted, batch_rows, part):
            if large_rows.are_large(batch.rows.nbytes, batch.rows.num_rows):
                large_rows.give_back()
            yield batch


def check_columns(path: str, columns: Sequence[str]) -> list[str]:
    """The columns of the file beyond the named ones. Raises Failure 2 where a named one is missing.

    A row of JSONL or TFRecord may leave one out, so the file lacks it only if no early row has it.
    """
    names = column_names(path)
    if names == [""] and _format(path) in _LOOSE:
        return []  # No row is one: they are rejected one by one.
    if missing := [name for name in dict.fromkeys(columns) if names and name not in names]:
        rule = f"{path} must have the columns that the spec names; missing: {missing}"
        raise Failure(Exit.USAGE, rule + near_columns(missing, names), received=names[:50])
    return [name for name in names if name not in columns]


def _format(path: str) -> ModuleType:
    plain = Path(path.removesuffix(".gz"))
    found = _FORMATS.get(plain.suffix.lower())
    if found is None or (found is parquet_files and path.endswith(".gz")):
        rule = "rows are read from .csv, .tsv, .jsonl, .ndjson, .tfrecord (each also .gz), .parquet"
        raise Failure(Exit.USAGE, rule, received=path)
    return found
