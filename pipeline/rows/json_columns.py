"""Lines of JSON to Arrow columns: a whole block at once where it is regular, else line by line.

Strings stay strings (Arrow's own inference would make dates of some). A line that is not a JSON
object is set aside, and so is one whose columns that are read hold anything but plain values and
flat lists; what the others hold does not matter. Used by pipeline.rows.json_files only.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from kinds.columns import Rejected, large_rows
from kinds.columns.columns import TEXTS, JsonLists
from kinds.columns.json_lists import json_text, objects, value_text
from kinds.columns.texts import EXACT

SAMPLE_LINES = 200
# A key that few rows have should still be found.
KEY_LINES = 10_000
_INTEGERS = pa.list_(pa.int64())
_AS_HERE = (TEXTS, _INTEGERS, pa.string(), pa.int64(), pa.float64(), pa.bool_())


class JsonColumns:
    """Parses blocks of one file. Remembers the columns' types, so most blocks parse at once."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._schema: pa.Schema | None = None

    def parse(self, block: bytes, first_row: int) -> tuple[pa.RecordBatch, list[Rejected]]:
        """The good rows of whole lines, and the broken ones with their numbers in the file.

        Lists are `JsonLists`.
        """
        rows, broken = self._at_once(block), list[Rejected]()
        if rows is None:
            lines = [line for line in block.split(b"\n") if line.strip()]
            rows, broken = self._by_line(lines, first_row)
            self._schema = rows.schema
        arrays = [JsonLists.of(a) if pa.types.is_list(a.type) else a for a in rows.columns]
        return pa.RecordBatch.from_arrays(arrays, names=self._columns), broken

    def _at_once(self, block: bytes) -> pa.RecordBatch | None:
        if _has_long_lists(block):
            return self._inferred(block)
        if block.count(b"\n") <= SAMPLE_LINES:
            return None
        if self._schema is None:
            self._schema = self._by_line(_first_lines(block), 1)[0].schema
        return _at_once(block, self._schema)

    def _inferred(self, block: bytes) -> pa.RecordBatch | None:
        """The rows as Arrow types them; None unless that is how this module would."""
        table = _parsed(block)
        if table is None or not set(self._columns) <= set(table.column_names):
            return None
        table = table.select(self._columns)
        if not all(kind in _AS_HERE for kind in table.schema.types):
            return None
        kinds = [TEXTS if kind == _INTEGERS else kind for kind in table.schema.types]
        return _checked(block, table.cast(pa.schema(zip(self._columns, kinds, strict=True))))

    def _by_line(self, lines: list[bytes], first_row: int) -> tuple[pa.RecordBatch, list[Rejected]]:
        values: list[list[Any]] = [[] for _ in self._columns]
        broken = []
        for row, line in enumerate(lines, first_row):
            try:
                cells = _cells(line, self._columns)
            except _Broken as error:
                text = line.decode(errors="replace")
                broken.append(Rejected(row, error.column, error.reason, text))
                continue
            for column, cell in zip(values, cells, strict=True):
                column.append(cell)
        arrays = [_array(column) for column in values]
        return pa.RecordBatch.from_arrays(arrays, names=self._columns), broken


def _has_long_lists(block: bytes) -> bool:
    """Whether there are so many short texts in few rows that, one by one, they would take many
    times the block: some 60 bytes more than its letters each."""
    if not large_rows.are_large(len(block), block.count(b"\n")):
        return False
    inside_a_text = block.count(b'\\",')
    return 100 * (block.count(b",") - inside_a_text) > len(block)


def _first_lines(block: bytes) -> list[bytes]:
    return [line for line in block.split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES] if line]


def object_keys(block: bytes) -> list[str]:
    """The keys of the first lines, in the order of their first appearance."""
    table = _parsed(block) if _has_long_lists(block) else None
    if table is not None and table.column_names:
        return list(table.column_names)
    keys: dict[str, None] = {}
    for line in block.split(b"\n", KEY_LINES)[:KEY_LINES]:
        try:
            keys.update(dict.fromkeys(_parse(line)[0]))
        except _Broken:
            continue
    if not keys and block.strip():
        return [""]
    return list(keys)


class _Broken(Exception):
    def __init__(self, reason: str, column: str = "") -> None:
        self.reason, self.column = reason, column


def _at_once(block: bytes, schema: pa.Schema) -> pa.RecordBatch | None:
    """All rows of the block, or None where one of them needs a closer look."""
    if not block or block.isspace():
        return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
    options = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    table = _parsed(block, options)
    return None if table is None else _checked(block, table.select(schema.names))


def _parsed(block: bytes, options: pyarrow.json.ParseOptions | None = None) -> pa.Table | None:
    if block.lstrip()[:1] != b"{":
        return None  # Arrow 25 ends the process where the first line says `null`.
    return objects(block, options)


def _checked(block: bytes, table: pa.Table) -> pa.RecordBatch | None:
    """The table as one batch, or None where a row of the block is not what Arrow takes it for."""
    if table.num_rows != line_count(block):
        return None
    batches = table.combine_chunks().to_batches()
    if len(batches) != 1 or _has_empty_row(batches[0]) or _has_inexact(batches[0]):
        return None
    columns = [_one_zero(column) for column in batches[0].columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _one_zero(column: pa.Array) -> pa.Array:
    """Without -0.0, which no text tells from 0 and so no column of several types."""
    return pc.add(column, 0.0) if pa.types.is_floating(column.type) else column


def _has_empty_row(rows: pa.RecordBatch) -> bool:
    """Arrow takes a line that says `null` for an object without keys."""
    empty = rows.columns[0].is_null()
    for column in rows.columns[1:]:
        empty = pc.and_(empty, column.is_null())
    return bool(pc.any(empty).as_py())


def _has_inexact(rows: pa.RecordBatch) -> bool:
    """Whether a float may have been an integer that floats cannot tell from its neighbour, or NaN,
    which Arrow reads and JSON has not."""
    floats = [column for column in rows.columns if pa.types.is_floating(column.type)]
    exact = [pc.all(pc.less(pc.abs(column), EXACT), min_count=0).as_py() for column in floats]
    return not all(exact)


def line_count(block: bytes) -> int:
    """How many lines of a block are rows: those that are not blank."""
    return sum(1 for line in block.split(b"\n") if line and not line.isspace())


def _cells(line: bytes, columns: list[str]) -> list[Any]:
    row, twice = _parse(line)
    cells = [row.get(name) for name in columns]
    for name, cell in zip(columns, cells, strict=True):
        elements = cell if isinstance(cell, list) else [cell]
        if name in twice or any(element is _NO_JSON for element in elements):
            raise _Broken("invalid_json", name)
        if any(isinstance(element, _Object | list) for element in elements):
            raise _Broken("unsupported_type", name)
        if not all(_is_unicode(element) for element in elements):
            raise _Broken("invalid_utf8", name)
    return cells


class _Object(dict[str, Any]):
    """A JSON object, and its keys that are given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        keys = [key for key, _ in pairs]
        self.twice = {key for key in keys if keys.count(key) > 1} if len(self) < len(keys) else ()


# NaN and Infinity, which are Python's and not JSON's.
_NO_JSON = object()


def _parse(line: bytes) -> tuple[dict[str, Any], Collection[str]]:
    """The object of a line, and its keys that are given twice. Bad bytes become surrogates."""
    try:
        row = json.loads(
            line.decode("utf-8", errors="surrogateescape"),
            parse_constant=lambda _: _NO_JSON,
            parse_int=_integer,
            object_pairs_hook=_Object,
        )
    except (ValueError, RecursionError):
        raise _Broken("invalid_json") from None
    if not isinstance(row, _Object):
        raise _Broken("invalid_json")
    return row, row.twice


def _integer(text: str) -> int | str:
    # Python takes quadratic time over long integers and refuses the longest.
    return int(text) if len(text) < 100 else text


def _is_unicode(value: Any) -> bool:
    """False for half characters, by an escape or by a byte that is not UTF-8."""
    return not isinstance(value, str) or not any("\ud800" <= c <= "\udfff" for c in value)


def _array(values: list[Any]) -> pa.Array:
    """An array of one type that holds every value as it was said: text where types differ."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {list}:
        return pa.array([_texts(v) for v in values], TEXTS)
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds == {float}:
        return _one_zero(pa.array(values, pa.float64()))
    return pa.array([_text(value) for value in values], pa.string())


def _texts(values: list[Any] | None) -> list[str | None] | None:
    return None if values is None else [_text(value) for value in values]


def _text(value: Any) -> str | None:
    """The text that casting gives the same value in a column of its own type."""
    return json_text(_texts(value)) if isinstance(value, list) else value_text(value)
