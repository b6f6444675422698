"""Raw columns to the types that a spec asks for: text, lists of text, numbers, flags.

Every row is either good in all fields or rejected with a reason. Work is done a column at a time;
Python looks at single values only where one of them did not fit. This module knows no spec and no
file format. Standard library, numpy and pyarrow only.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.failures import Exit, Failure

Kind = Literal["text", "list", "number", "flag"]
Indices = npt.NDArray[np.int64]
MAX_TEXT = 4096

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE = r"^[+-]?(?i:inf|infinity)$"
_NAN = r"^[+-]?(?i:nan)$"
_TRUE = ("1", "true", "yes", "t", "y")
_FALSE = ("0", "false", "no", "f", "n")
_BYTES = (
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
    pa.types.is_fixed_size_binary,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_TYPES = {
    "text": pa.string(),
    "list": pa.list_(pa.string()),
    "number": pa.float32(),
    "flag": pa.float32(),
}


@dataclass(frozen=True)
class Field:
    """What one column is to become.

    `required` makes a missing value a bad row, `nonnegative` a number below 0. A column that is
    needed in two types gives two fields, one of them under another `name`.
    """

    column: str
    kind: Kind
    separator: str = " "
    required: bool = False
    nonnegative: bool = False
    name: str = ""

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


@dataclass(frozen=True)
class _Bad:
    """Indices of bad values, all for one reason."""

    reason: str
    at: Indices


def cast(
    rows: pa.RecordBatch, fields: Sequence[Field]
) -> tuple[pa.RecordBatch, Indices, list[Rejected]]:
    """Types the columns and leaves out the rows that do not fit.

    Returns the typed good rows (text: string; list: list<string>; number and flag: float32 with
    NaN for missing), int64 indices of the good rows in `rows`, and each other row once, with the
    first field that refused it; its `row` is an index in `rows`.

    >>> rows = pa.RecordBatch.from_pydict({"x": ["1.5", "", "two"]})
    >>> typed, good, rejected = cast(rows, [Field("x", "number")])
    >>> typed.to_pydict(), good.tolist(), rejected
    ({'x': [1.5, nan]}, [0, 1], [Rejected(row=2, column='x', reason='not_a_number', text='two')])
    """
    arrays: list[pa.Array] = []
    rejected: dict[int, Rejected] = {}
    for field in fields:
        column = rows.column(field.column)
        array, problems = _column(column, field)
        arrays.append(array)
        for at, reason in [(at, bad.reason) for bad in problems for at in bad.at.tolist()]:
            if at not in rejected:
                rejected[at] = Rejected(at, field.column, reason, _shown(column[at]))
    schema = pa.schema([(f.output, _TYPES[f.kind]) for f in fields])
    typed = pa.RecordBatch.from_arrays(arrays, schema=schema)
    good = np.ones(rows.num_rows, dtype=bool)
    good[list(rejected)] = False
    if rejected:
        typed = typed.filter(pa.array(good))
    return typed, np.flatnonzero(good), [rejected[at] for at in sorted(rejected)]


def decoded(column: pa.Array) -> tuple[pa.Array, Indices]:
    """Bytes to text. Where they are not UTF-8 the text is null and its index is given."""
    try:
        return column.cast(pa.string()), _none()
    except pa.ArrowInvalid:
        pass
    bad = [at for at, value in enumerate(column.to_pylist()) if not _is_utf8(value)]
    mask = np.zeros(len(column), dtype=bool)
    mask[bad] = True
    kept = pc.if_else(pa.array(mask), pa.scalar(None, column.type), column)
    return kept.cast(pa.string()), np.array(bad, dtype=np.int64)


def _is_utf8(value: bytes | None) -> bool:
    try:
        return value is None or bool(value.decode("utf-8") or True)
    except UnicodeDecodeError:
        return False


def _none() -> Indices:
    return np.zeros(0, dtype=np.int64)


def _where(mask: pa.Array) -> Indices:
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy(zero_copy_only=False))


def _shown(value: pa.Scalar) -> str:
    try:
        said = value.as_py()
    except UnicodeDecodeError:
        said = value.as_buffer().to_pybytes()
    if isinstance(said, bytes):
        return said.decode(errors="replace")
    return "" if said is None else str(said)


def _column(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    column, problems = _plain(column)
    array, more = _CASTS[field.kind](column, field)
    problems += more
    if field.required:
        missing = pc.is_nan(array) if pa.types.is_floating(array.type) else array.is_null()
        problems.append(_Bad("missing", _where(missing)))
    if field.nonnegative:
        problems.append(_Bad("negative", _where(pc.less(array, pa.scalar(0, pa.float32())))))
    return array, problems


def _plain(column: pa.Array) -> tuple[pa.Array, list[_Bad]]:
    """Without dictionaries and extension types; bytes as checked text."""
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    if _is_bytes(column.type):
        text, bad = decoded(column.cast(pa.binary()))
        return text, [_Bad("invalid_utf8", bad)]
    return column, []


def _is_bytes(kind: pa.DataType) -> bool:
    return any(is_type(kind) for is_type in _BYTES)


def _is_list(kind: pa.DataType) -> bool:
    return any(is_type(kind) for is_type in _LISTS)


def _unsupported(column: pa.Array, field: Field) -> Failure:
    rule = f"column {field.column!r} must be readable as {field.kind}"
    return Failure(Exit.USAGE, rule, received=column.type)


def _text(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    kind = column.type
    if pa.types.is_string(kind):
        return column, []
    if pa.types.is_floating(kind):
        return _float_text(column), []
    if pa.types.is_nested(kind):
        raise _unsupported(column, field)
    try:
        return column.cast(pa.string()), []
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise _unsupported(column, field) from None


def _float_text(column: pa.Array) -> pa.Array:
    """The plain text of floats: 5.0 is "5", as it was before a missing value made it a float."""
    values = column.cast(pa.float64())
    column = pc.if_else(pc.is_nan(values), pa.scalar(None, column.type), column)
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**53))
    integers = pc.if_else(whole, values, None).cast(pa.int64())
    return pc.if_else(whole, integers.cast(pa.string()), column.cast(pa.string()))


def _list(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    if _is_list(column.type):
        return _native_list(column, field)
    if pa.types.is_nested(column.type):
        raise _unsupported(column, field)
    text = _text(column, field)[0]
    split = pc.split_pattern(text, field.separator)
    split = pc.if_else(pc.equal(text, ""), pa.scalar([], split.type), split)
    json_lists = _where(pc.starts_with(text, "["))
    if not len(json_lists):
        return split, []
    parsed = {int(at): _json_list(text[int(at)].as_py()) for at in json_lists}
    if not any(value is not None for value in parsed.values()):
        return split, []
    lists = [
        value if parsed.get(at) is None else parsed[at]
        for at, value in enumerate(split.to_pylist())
    ]
    return pa.array(lists, split.type), []


def _json_list(text: str) -> list[str | None] | None:
    """
    >>> _json_list('["a", 5, null]'), _json_list("[ a")
    (['a', '5', None], None)
    """
    try:
        values = json.loads(text)
        if not isinstance(values, list) or any(isinstance(v, dict | list) for v in values):
            return None
        texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
        "".join(t for t in texts if t).encode()
    except (ValueError, RecursionError):
        return None
    return texts


def _native_list(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    values, problems = _plain(column.flatten())
    values, more = _text(values, field)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    lists = pa.ListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
    owner = np.repeat(np.arange(len(column)), lengths)
    return lists, [_Bad(bad.reason, np.unique(owner[bad.at])) for bad in problems + more]


def _number(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    if pa.types.is_string(column.type):
        values, problems = _parsed(column)
    else:
        values, problems = _native_number(column, field), []
    small = values.cast(pa.float32(), safe=False)
    infinite = _where(pc.is_inf(small))
    problems.append(_Bad("not_finite", infinite))
    return _without_denormals(pc.fill_null(small, math.nan)), problems


def _without_denormals(numbers: pa.Array) -> pa.Array:
    """float32 too small for a full fraction becomes 0: some runtimes take it for 0, some do not."""
    values = numbers.to_numpy(zero_copy_only=False)
    small = np.abs(values) < np.finfo(np.float32).smallest_normal
    if not (small & (values != 0)).any():
        return numbers
    return pa.array(np.where(small, np.copysign(np.float32(0), values), values))


def _native_number(column: pa.Array, field: Field) -> pa.Array:
    types, kind = pa.types, column.type
    if types.is_date(kind):
        column, kind = column.cast(pa.timestamp("s")), pa.timestamp("s")
    if types.is_timestamp(kind):
        units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
        return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), units[kind.unit])
    if types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        raise _unsupported(column, field)
    return column.cast(pa.float64(), safe=False)


def _parsed(column: pa.Array) -> tuple[pa.Array, list[_Bad]]:
    """float64 of text, null for missing. Indices of what is not a number."""
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), None, text)
    try:
        values = text.cast(pa.float64())
        if not pc.any(pc.invert(pc.is_finite(values))).as_py():
            return values, []
    except pa.ArrowInvalid:
        pass
    plain = pc.match_substring_regex(text, _NUMBER)
    digits = pc.utf8_ltrim(pc.if_else(plain, text, None), "+")
    infinite = pc.match_substring_regex(text, _INFINITE)
    values = pc.if_else(infinite, math.inf, digits.cast(pa.float64()))
    known = pc.or_(pc.or_(plain, infinite), pc.match_substring_regex(text, _NAN))
    return values, [_Bad("not_a_number", _where(pc.invert(known)))]


def _flag(column: pa.Array, field: Field) -> tuple[pa.Array, list[_Bad]]:
    if pa.types.is_nested(column.type) or pa.types.is_temporal(column.type):
        raise _unsupported(column, field)
    text = pc.utf8_lower(pc.utf8_trim_whitespace(_text(column, field)[0]))
    text = pc.if_else(pc.equal(text, ""), None, text)
    true = pc.is_in(text, pa.array(_TRUE))
    known = pc.or_(pc.or_(true, pc.is_in(text, pa.array(_FALSE))), text.is_null())
    values = pc.if_else(text.is_null(), math.nan, true.cast(pa.float64())).cast(pa.float32())
    return values, [_Bad("not_a_flag", _where(pc.invert(known)))]


_CASTS: dict[Kind, Callable[[pa.Array, Field], tuple[pa.Array, list[_Bad]]]] = {
    "text": _text,
    "list": _list,
    "number": _number,
    "flag": _flag,
}
