"""Scored rows to a file: Parquet, Arrow IPC, CSV or JSONL by its suffix, batch after batch.

The file appears under its name when all rows are in it; until then it is a hidden one beside it.
CSV has lists as JSON text, and cells that a spreadsheet would run as a formula get a leading '.
"""

import dataclasses
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet

from pipeline.failures import Exit, Failure

Write = Callable[[pa.RecordBatch], None]
Opener = Callable[[pa.Schema], AbstractContextManager[Write]]

_FORMULA = r"^[=+\-@\t\r\n\x00]"


def suffix(path: Path) -> str:
    """Which format the file's name asks for. Raises Failure with exit code 2 for any other.

    >>> suffix(Path("scores.csv.gz"))
    '.csv'
    """
    plain = Path(str(path).removesuffix(".gz")).suffix.lower()
    if plain not in _OPENERS or (plain in (".parquet", ".arrow") and path.suffix == ".gz"):
        rule = "scores are written to .parquet, .arrow, .csv and .jsonl (the last two also .gz)"
        raise Failure(Exit.USAGE, rule, received=path)
    return plain


@contextmanager
def opened(path: Path, schema: pa.Schema, *, cells: "CsvCells | None" = None) -> Iterator[Write]:
    """Gives a function that writes a batch. Without an error in the block the file is published."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            with _OPENERS[suffix(path)](file, path, schema, cells or CsvCells()) as write:
                yield write
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _parquet(file: BinaryIO, path: Path, schema: pa.Schema, _: "CsvCells") -> Iterator[Write]:
    repeated = [inside for field in schema if (inside := _repeated(field))]
    with pyarrow.parquet.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=repeated
    ) as writer:
        yield writer.write_batch


def _repeated(field: pa.Field) -> str:
    """The column inside the file, where its values come again; a dictionary of scores is waste."""
    if pa.types.is_floating(field.type) or pa.types.is_nested(field.type):
        return f"{field.name}.list.element" if field.type == pa.list_(pa.string()) else ""
    return str(field.name)


@contextmanager
def _arrow(file: BinaryIO, path: Path, schema: pa.Schema, _: "CsvCells") -> Iterator[Write]:
    with pyarrow.ipc.new_file(file, schema) as writer:
        yield writer.write_batch


@contextmanager
def _csv(file: BinaryIO, path: Path, schema: pa.Schema, cells: "CsvCells") -> Iterator[Write]:
    names = CsvCells(raw=cells.raw).of("", pa.array(schema.names, pa.string()))
    texts = pa.schema([(name, pa.string()) for name in names.to_pylist()])
    with _sink(file, path) as sink, pyarrow.csv.CSVWriter(sink, texts) as writer:

        def write(batch: pa.RecordBatch) -> None:
            columns = [*map(cells.of, schema.names, batch.columns)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=texts))

        yield write


@contextmanager
def _jsonl(file: BinaryIO, path: Path, schema: pa.Schema, _: "CsvCells") -> Iterator[Write]:
    with _sink(file, path) as sink:

        def write(batch: pa.RecordBatch) -> None:
            columns = [_json_values(column) for column in batch.columns]
            lines = (
                _json(dict(zip(schema.names, row, strict=True)))
                for row in zip(*columns, strict=True)
            )
            sink.write("".join(line + "\n" for line in lines).encode())

        yield write


def _sink(file: BinaryIO, path: Path) -> AbstractContextManager[Any]:
    # `file` stays open for the caller: closing a stream of pyarrow closes what it wraps.
    kept = pa.PythonFile(_Unclosed(file), mode="w")
    sink: AbstractContextManager[Any] = kept
    if path.suffix == ".gz":
        sink = pa.CompressedOutputStream(kept, "gzip")
    return sink


class _Unclosed:
    """A file that its wrapper cannot close."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.write, self.flush, self.tell = file.write, file.flush, file.tell

    def close(self) -> None:
        self._file.flush()


@dataclasses.dataclass
class CsvCells:
    """Makes the cells of CSV, and counts by column those that a spreadsheet would have run as a
    formula; unless they are wanted `raw` they get a leading '."""

    raw: bool = False
    escaped: Counter[str] = dataclasses.field(default_factory=Counter)

    def of(self, name: str, column: pa.Array) -> pa.Array:
        cells = _texts(column)
        number_types = pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal
        if self.raw or any(is_type(column.type) for is_type in number_types):
            return cells  # a negative number is no formula
        risky = pc.fill_null(pc.match_substring_regex(cells, _FORMULA), False)
        if not (count := pc.sum(risky).as_py()):
            return cells
        self.escaped[name] += count
        return pc.if_else(risky, pc.binary_join_element_wise(pa.scalar("'"), cells, ""), cells)

    def line(self) -> str:
        """
        >>> CsvCells(escaped=Counter({"phone": 1_000})).line()
        "; ' before 1,000 cells of phone that a spreadsheet would run: --raw-csv leaves them"
        """
        if not self.escaped:
            return ""
        columns = ", ".join(f"{count:,} cells of {name}" for name, count in self.escaped.items())
        return f"; ' before {columns} that a spreadsheet would run: --raw-csv leaves them"


def _texts(column: pa.Array) -> pa.Array:
    if not pa.types.is_nested(column.type):
        try:
            return column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    values = _json_values(column)
    return pa.array([None if v is None else _json(v) for v in values], pa.string())


def _json_values(column: pa.Array) -> list[Any]:
    """Python values; a float32 as the shortest decimal that is that float32, NaN as null."""
    if pa.types.is_list(column.type) and pa.types.is_float32(column.type.value_type):
        values = _short(column.flatten())
        counts = pc.list_value_length(column).to_pylist()
        each = iter(values)
        return [None if n is None else [next(each) for _ in range(n)] for n in counts]
    if pa.types.is_float32(column.type):
        return _short(column)
    return [_finite(value) for value in column.to_pylist()]


def _short(column: pa.Array) -> list[float | None]:
    doubles = column.cast(pa.string()).cast(pa.float64())
    return [_finite(value) for value in doubles.to_pylist()]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


_Opener = Callable[[BinaryIO, Path, pa.Schema, CsvCells], AbstractContextManager[Write]]
_OPENERS: dict[str, _Opener] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
