"""Raw columns to the types that a spec asks for: text, numbers, flags, dates, lists of either.

Every row is either good in all fields or rejected with a reason. Work is done a column at a time;
Python looks at single values only where one of them did not fit. This module knows no spec and no
file format. Standard library, numpy and pyarrow only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import uuids
from kinds.columns.columns import Bad, Indices, JsonLists, Unreadable, Values, only, plain, where
from kinds.columns.columns import is_missing as is_missing
from kinds.columns.dates import FORMATS
from kinds.columns.json_lists import json_text
from kinds.columns.missing import without_words
from kinds.columns.numerals import PLAIN, Numerals
from kinds.columns.readings import Reading as Reading
from kinds.columns.readings import as_read
from kinds.columns.texts import text
from kinds.columns.types import TYPES as TYPES
from kinds.columns.types import ColumnType
from kinds.columns.types import Kind as Kind
from kinds.lists import list_lengths
from pipeline.failures import Exit, Failure

MAX_TEXT = 4096


@dataclass(frozen=True)
class Field:
    """What one column is to become.

    `required` makes a missing value a bad row, `nonnegative` a number below 0. A column that is
    needed in two types gives two fields, one of them under another `name`. Of texts `reading` says
    whether they stand for the values of a type (kinds.columns.readings), of passages `spaces` which
    characters become a space, and `lower` whether A to Z become small, of a date `dates` how it is
    written, of a number `numerals`; a cell that is one of `missing_words` holds no value. A list
    of numbers has `width` of them, or as many elements as the list `beside` it, a typed column.
    With `weighted_by` each text of a list is a value, this separator and its weight: a list has the
    values, a list of numbers the weights. With `follows` no file has the column: it is made of that
    typed list, what comes next after each of its elements (kinds.columns.next_elements).
    """

    column: str
    kind: Kind
    separator: str = " "
    required: bool = False
    nonnegative: bool = False
    name: str = ""
    reading: Reading = "words"
    dates: str = "iso"
    numerals: Numerals = PLAIN
    missing_words: tuple[str, ...] = ()
    spaces: str = ""
    lower: bool = False
    width: int | None = None
    beside: str = ""
    weighted_by: str = ""
    follows: str = ""

    def __post_init__(self) -> None:
        if self.kind not in TYPES or not self.separator:
            raise ValueError(f"a column must have a type, one of {[*TYPES]}, and a separator")
        is_number = pa.types.is_floating(self.type)
        has_words = is_number or self.column_type.is_split_in_file()
        if self.reading not in get_args(Reading) or (self.reading == "values" and has_words):
            raise ValueError("only texts are read as words or as values")
        if self.dates not in FORMATS:
            raise ValueError(f"a date must have a format, one of {[*FORMATS]}")
        if self.nonnegative and not (is_number or self.kind == "vector"):
            raise ValueError("only a number can be negative")
        if (self.spaces or self.lower) and not self.column_type.is_split_in_file():
            raise ValueError("only characters of a passage become others")
        if not self.spaces.isascii():
            raise ValueError("only characters of ASCII become spaces")
        if (self.width or self.beside) and self.kind != "vector":
            raise ValueError("only a list of numbers has a width, or lies beside another list")
        if self.weighted_by and self.kind not in ("list", "vector"):
            raise ValueError("only the values of a list have weights")

    def weights(self) -> "Field":
        """The weights that stand in the texts of this list."""
        return replace(self, kind="vector", reading="words", nonnegative=True)

    @property
    def column_type(self) -> ColumnType:
        return TYPES[self.kind]

    @property
    def type(self) -> pa.DataType:
        """The type of the typed column."""
        return self.column_type.arrow()

    @property
    def output(self) -> str:
        """The name of the typed column."""
        return self.name or self.column


@dataclass(frozen=True)
class Rejected:
    """A row that is not used: where, why, and what stood there (cut to 4 KB).

    `row` counts from 1 in a file; out of `cast` it is the index in the batch.
    """

    row: int
    column: str
    reason: str
    text: str

    def __post_init__(self) -> None:
        if len(self.text.encode(errors="replace")) > MAX_TEXT:
            cut = self.text.encode(errors="replace")[:MAX_TEXT].decode(errors="ignore")
            object.__setattr__(self, "text", cut)

    @property
    def why(self) -> str:
        """The reason and the column; what the format could not give has none."""
        return f"{self.reason} in column {self.column!r}" if self.column else self.reason


def cast(
    rows: pa.RecordBatch, fields: Sequence[Field]
) -> tuple[pa.RecordBatch, Indices, list[Rejected]]:
    """Types the columns and leaves out the rows that do not fit.

    Returns the typed good rows (text: string; list: list<string>; number and flag: float32 with
    NaN for missing; date: timestamp[s]; vector: list<float>), int64 indices of the good rows in
    `rows`, and each other
    row once, with the first field that refused it; its `row` is an index in `rows`.

    >>> rows = pa.RecordBatch.from_pydict({"x": ["1.5", "", "two"]})
    >>> typed, good, rejected = cast(rows, [Field("x", "number")])
    >>> typed.to_pydict(), good.tolist(), rejected
    ({'x': [1.5, nan]}, [0, 1], [Rejected(row=2, column='x', reason='not_a_number', text='two')])
    """
    arrays: list[pa.Array] = []
    by_output: dict[str, pa.Array] = {}
    rejected: dict[int, Rejected] = {}
    for field in fields:
        column = _as_asked(rows.column(field.column), field.column_type)
        array, problems = _column(column, field)
        arrays.append(array)
        by_output[field.output] = array
        if field.beside and field.beside in by_output:
            problems.append(Bad("other_length", _of_other_length(array, by_output[field.beside])))
        for at, reason in [(at, bad.reason) for bad in problems for at in bad.at.tolist()]:
            if at not in rejected:
                rejected[at] = Rejected(at, field.column, reason, _shown(column[at]))
    schema = pa.schema([(f.output, f.type) for f in fields])
    typed = pa.RecordBatch.from_arrays(arrays, schema=schema)
    good = np.ones(rows.num_rows, dtype=bool)
    good[list(rejected)] = False
    if rejected:
        typed = typed.filter(pa.array(good))
    return typed, np.flatnonzero(good), [rejected[at] for at in sorted(rejected)]


def carried(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Raw columns as they can be written: of tf.Example the only value of each cell, or lists."""
    columns = [_written(column) for column in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _written(column: pa.Array) -> pa.Array:
    if uuids.is_uuid(column.type):
        return uuids.texts(column)
    if isinstance(column.type, JsonLists):
        return column.storage
    if not isinstance(column.type, Values):
        return column
    values, several = only(column)
    if any(len(bad.at) for bad in several):
        return column.storage
    text, not_text = plain(values)
    return values if any(len(bad.at) for bad in not_text) else text


def family(received: pa.DataType) -> str:
    """What a raw column holds, for a person: flags, numbers, times, texts, lists or nothing.

    >>> family(pa.dictionary(pa.int8(), pa.float64())), family(pa.binary())
    ('numbers', 'texts')
    """
    kind = received
    if isinstance(kind, Values):
        kind = kind.storage_type.value_type
    elif isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = {
        "flags": pa.types.is_boolean,
        "times": pa.types.is_temporal,
        "lists": pa.types.is_nested,
        "nothing": pa.types.is_null,
    }
    number_types = "is_integer", "is_floating", "is_decimal", "is_duration"
    is_number = any(getattr(pa.types, is_type)(kind) for is_type in number_types)
    found = (name for name, is_type in tests.items() if is_type(kind))
    return "numbers" if is_number else next(found, "texts")


def _shown(value: pa.Scalar) -> str:
    if isinstance(value, pa.ExtensionScalar) and value.value is not None:
        cells = value.value
        value = cells.values[0] if len(cells.values) == 1 else cells
    try:
        said = value.as_py()
    except UnicodeDecodeError:
        said = value.as_buffer().to_pybytes()
    if isinstance(said, bytes):
        return said.decode(errors="replace")
    if isinstance(said, float):
        (said,) = text(pa.array([said], value.type)).to_pylist()
    return "" if said is None else str(said)


def _as_asked(column: pa.Array, kind: ColumnType) -> pa.Array:
    if not isinstance(column.type, JsonLists) or kind.is_list():
        return column
    return pa.array([json_text(value) for value in column.to_pylist()], pa.string())


def _column(column: pa.Array, field: Field) -> tuple[pa.Array, list[Bad]]:
    received = column.type
    problems: list[Bad] = []
    if isinstance(received, Values) and not field.column_type.is_list():
        column, problems = only(column)
    column, not_text = plain(column)
    problems += not_text
    column = without_words(column, field.missing_words)
    try:
        array, more = field.column_type.typed(column, field)
    except Unreadable:
        rule = f"column {field.column!r} must be readable as {field.column_type.wanted()}"
        raise Failure(Exit.USAGE, rule, received=received) from None
    problems += more
    array = as_read(array, field.reading)
    if field.required:
        problems.append(Bad("missing", where(is_missing(array))))
    if field.width is not None:
        problems.append(Bad("other_width", _of_other_width(array, field.width)))
    if field.nonnegative:
        problems.append(Bad("negative", _negative(array)))
    return array, problems


def _negative(array: pa.Array) -> Indices:
    if not pa.types.is_list(array.type):
        return where(pc.less(array, pa.scalar(0, pa.float32())))
    owners = np.repeat(np.arange(len(array)), list_lengths(array))
    return np.unique(owners[where(pc.less(array.flatten(), pa.scalar(0, pa.float32())))])


def _of_other_width(lists: pa.Array, width: int) -> Indices:
    there = lists.is_valid().to_numpy(zero_copy_only=False)
    return np.flatnonzero(there & (list_lengths(lists) != width))


def _of_other_length(lists: pa.Array, others: pa.Array) -> Indices:
    return np.flatnonzero(list_lengths(lists) != list_lengths(others))
