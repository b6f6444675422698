"""Files of rows to Arrow batches: CSV, JSONL, Parquet, TFRecord, each row with its number.

Nothing is cast here: CSV gives text only ("00123" stays), the others their own types. A row that
the format itself cannot give is set aside with a reason and the rest is read on. Standard library,
numpy and pyarrow only, but for TFRecord: the scorer reads its rows here too.
"""

import glob
import gzip
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any, TypeAlias

from kinds.columns import large_rows
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns, plain
from pipeline.rows import csv_files, json_files, parquet_files, tfrecord_files
from pipeline.rows.batches import BATCH_ROWS, RawBatch
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.rows.files import Places, Stretch, damage
from pipeline.storage import stores

# What can be read of a file by itself: row groups, or bytes; None is the whole.
Span: TypeAlias = range | Stretch | None
# Each module reads one format: the `names` of a file's columns, its `parts`, `read` for rows, and
# `count`, which says about how many there are. All but one `write_without` some rows, too.
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
log = logging.getLogger("pipeline.rows")


def expand(patterns: Sequence[str]) -> list[str]:
    """The files and objects that the patterns name, and the tables, sorted, each once.

    A path that exists is itself, whatever stars and brackets it has. Raises Failure 2 for a pattern
    without a file.
    """
    found: dict[str, str] = {}
    twice = []
    for pattern in patterns:
        if stores.is_table(pattern):
            found[pattern] = pattern
            continue
        paths = stores.matching(pattern) if stores.is_object(pattern) else _files(pattern)
        if not paths:
            raise Failure(Exit.USAGE, "an input must name at least one file", received=pattern)
        for path in paths:
            file = path if stores.is_object(path) else os.path.realpath(path)
            if file in found:
                twice.append(path)
            found.setdefault(file, path)
    if twice:
        log.warning("given more than once and read once: %s", ", ".join(twice[:10]))
    return sorted(found.values())


def _files(pattern: str) -> list[str]:
    start = "/" if pattern.startswith("/") else ""
    names = [name for name in pattern.split("/") if name]
    return sorted(path for path in _matching(start, names) if Path(path).is_file())


def _matching(folder: str, names: Sequence[str]) -> list[str]:
    """The paths that the names mean one after the other; what exists is no pattern."""
    if not names:
        return [folder]
    # A Path would drop "./", and Path.glob takes no absolute pattern.
    path = os.path.join(folder, names[0])  # noqa: PTH118
    if os.path.lexists(path):
        return _matching(path, names[1:])
    if names[0] == "**":
        pattern = os.path.join(glob.escape(folder), *names)  # noqa: PTH118
        return glob.glob(pattern, recursive=True)  # noqa: PTH207
    matches = glob.glob(os.path.join(glob.escape(folder), names[0]))  # noqa: PTH118, PTH207
    return [found for match in matches for found in _matching(match, names[1:])]


def column_names(path: str, csv: Csv = AS_FOUND) -> list[str]:
    """The columns of a file: its header, its schema, or the keys of its first rows.

    Empty where the file is. Raises Failure: 2 for a column named twice, 5 for a damaged file.
    """
    with damage(path):
        names: list[str] = _format(path).names(path, **_said(path, csv))
        large_rows.give_back()  # the first rows may have been large
    # Spreadsheets leave columns without a name or a value behind; no spec can name one.
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise Failure(Exit.USAGE, f"a column must be named once in {path}", received=twice)
    return names if names.count("") < 2 else [name for name in names if name]


def parts(path: str, csv: Csv = AS_FOUND) -> list[Span]:
    """The parts of a file that can be read by themselves; together they are all its rows.

    Raises Failure: 2 for an unknown suffix, 5 for a damaged file.
    """
    with damage(path):
        return [*_format(path).parts(path, **_said(path, csv))]


def read(
    path: str,
    columns: Sequence[str],
    batch_rows: int = BATCH_ROWS,
    part: Span = None,
    csv: Csv = AS_FOUND,
) -> Iterator[RawBatch]:
    """Streams the named columns of a file, every row of it in some batch or its `broken`.

    A `part` is one of `parts`; its rows have the numbers that they have in the whole file.

    Raises Failure: 2 for an unknown suffix or missing columns, 5 for a damaged file.
    """
    wanted = list(dict.fromkeys(columns))
    names = column_names(path, csv)
    if not names:
        return
    missing = [name for name in wanted if name not in names]
    if missing and not is_loose(path):
        raise _missing(path, missing, names)
    with damage(path):
        for batch in _format(path).read(path, wanted, batch_rows, part, **_said(path, csv)):
            if large_rows.are_large(batch.rows.nbytes, batch.rows.num_rows):
                large_rows.give_back()
            yield batch


def check_columns(path: str, columns: Sequence[str], csv: Csv = AS_FOUND) -> list[str]:
    """The columns of the file beyond the named ones. Raises Failure 2 where a named one is missing.

    In a row of JSONL or TFRecord a column may be missing, and so it may in all: that is said. But
    where a key differs in case, spaces or Unicode form only, it is taken for a mistake.
    """
    names = column_names(path, csv)
    if names == [""] and is_loose(path):
        return []  # No row is one: they are rejected one by one.
    missing = [name for name in dict.fromkeys(columns) if names and name not in names]
    more = [name for name in names if name not in columns]
    alike = {plain(name) for name in more}
    if missing and (not is_loose(path) or any(plain(name) in alike for name in missing)):
        raise _missing(path, missing, names)
    if missing:
        _tell_missing(path, tuple(missing))
    return more


def check_writable(path: str) -> None:
    """Raises Failure 2 where rows cannot be taken out of a file of that kind (`write_without`)."""
    if stores.is_object(path) or stores.is_table(path) or _format(path) is tfrecord_files:
        rule = "rows are taken out of CSV, JSON lines and Parquet files of this machine"
        raise Failure(Exit.USAGE, rule, received=path)


def write_without(path: str, numbers: Places, to: Path, csv: Csv = AS_FOUND) -> None:
    """Writes a file anew without the rows of these numbers, which are sorted. Of text every other
    byte stays, packed again where the file is.

    Raises Failure: 2 as `check_writable` does, 5 for a damaged file.
    """
    check_writable(path)
    with damage(path), to.open("wb") as file:
        with _packing(file) if path.endswith(".gz") else nullcontext(file) as target:
            _format(path).write_without(path, numbers, target, **_said(path, csv))
        file.flush()
        os.fsync(file.fileno())


def _packing(file: IO[bytes]) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)


def about(paths: Sequence[str]) -> int | None:
    """How many rows the files have, as far as it can be told without reading them: of Parquet as
    many as it says, of others as many as their first megabyte has per byte. None where they are
    packed or a table.
    """
    if any(stores.is_table(path) or path.endswith(".gz") for path in paths):
        return None
    return sum(map(_count, paths))


def _count(path: str) -> int:
    with damage(path), stores.reader(path) as file:
        return int(_format(path).count(file))


def is_loose(path: str) -> bool:
    """Whether a row of the file may lack a column."""
    return _format(path) in _LOOSE


def _missing(path: str, missing: Sequence[str], names: Sequence[str]) -> Failure:
    rule = f"{path} must have the columns that the spec names; missing: {missing}"
    return Failure(Exit.USAGE, rule + near_columns(missing, names), received=names[:50])


@cache
def _tell_missing(path: str, missing: tuple[str, ...]) -> None:
    said = "%s: the first rows have no %s: it is missing there"
    log.warning(said, path, ", ".join(map(repr, missing)))


def _said(path: str, csv: Csv) -> dict[str, Any]:
    """What a format is told beyond the path."""
    return {"csv": csv} if _format(path) is csv_files else {}


def _format(path: str) -> ModuleType:
    plain = Path(path.removesuffix(".gz"))
    found = _FORMATS.get(plain.suffix.lower())
    if found is None or (found is parquet_files and path.endswith(".gz")):
        rule = "rows are read from .csv, .tsv, .jsonl, .ndjson, .tfrecord (each also .gz), .parquet"
        raise Failure(Exit.USAGE, rule, received=path)
    return found
