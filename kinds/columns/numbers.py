"""The column type `number`: one float32 a row, NaN where it is missing."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import Bad, Line, Unreadable, seconds, where
from kinds.columns.missing import NAN, without_blanks
from kinds.columns.numerals import NUMBER, PLAIN, Numerals, plain_numbers
from kinds.lists import one_each
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

_INFINITE = r"^[+-]?(?i:inf|infinity)$"
# As a column of flags gives them: a text is not to be another number than what it was made of.
_FLAGS = {"true": 1.0, "false": 0.0}


def on_a_line() -> Line:
    return _numbers


def _numbers(column: pa.Array) -> npt.NDArray[np.float32]:
    numbers: npt.NDArray[np.float32] = column.to_numpy(zero_copy_only=False)
    return numbers


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """Numbers of text, numbers, dates, times (in seconds) and flags. Raises Unreadable."""
    if pa.types.is_string(column.type):
        values, problems = _parsed(without_blanks(column), field.numerals)
    else:
        values, problems = _native_number(column), []
    small = values.cast(pa.float32(), safe=False)
    infinite = where(pc.is_inf(small))
    problems.append(Bad("not_finite", infinite))
    return _without_denormals(pc.fill_null(small, math.nan)), problems


def _without_denormals(numbers: pa.Array) -> pa.Array:
    """float32 too small for a full fraction becomes 0: some runtimes take it for 0, some do not."""
    values = numbers.to_numpy(zero_copy_only=False)
    small = np.abs(values) < np.finfo(np.float32).smallest_normal
    if not (small & (values != 0)).any():
        return numbers
    return pa.array(np.where(small, np.copysign(np.float32(0), values), values))


def _native_number(column: pa.Array) -> pa.Array:
    types, kind = pa.types, column.type
    if types.is_duration(kind):
        return seconds(column)
    if types.is_date(kind):
        column, kind = column.cast(pa.timestamp("s")), pa.timestamp("s")
    if types.is_timestamp(kind):
        units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
        return pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), units[kind.unit])
    if types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        raise Unreadable
    return column.cast(pa.float64(), safe=False)


def _parsed(said: pa.Array, numerals: Numerals) -> tuple[pa.Array, list[Bad]]:
    """float64 of text, null for missing. Indices of what is not a number."""
    if numerals != PLAIN:
        said, percent = plain_numbers(said, numerals)
        values, problems = _parsed(said, PLAIN)
        return pc.if_else(percent, pc.divide(values, 100.0), values), problems
    try:
        values = said.cast(pa.float64())
        if not pc.any(pc.invert(pc.is_finite(values))).as_py():
            return values, []
    except pa.ArrowInvalid:
        pass
    plain = pc.match_substring_regex(said, NUMBER)
    digits = pc.utf8_ltrim(pc.if_else(plain, said, None), "+")
    infinite = pc.match_substring_regex(said, _INFINITE)
    values = pc.if_else(infinite, math.inf, digits.cast(pa.float64()))
    known = pc.or_(pc.or_(plain, infinite), pc.match_substring_regex(said, NAN))
    lower = pc.utf8_lower(said)
    for flag_text, value in _FLAGS.items():
        is_flag = pc.equal(lower, flag_text)
        values, known = pc.if_else(is_flag, value, values), pc.or_(known, is_flag)
    return values, [Bad("not_a_number", where(pc.invert(known)))]


def arrow() -> pa.DataType:
    return pa.float32()


def wanted() -> str:
    return "number"


def is_list() -> bool:
    return False


def element() -> Element:
    return "float"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """The number, NaN where it is missing."""
    return _numbers(column)


def is_split_in_file() -> bool:
    return False


def raw(column: pa.Array) -> pa.Array:
    return one_each(column)


def hard_cells() -> Mapping[str, Sequence[float]]:
    return {
        "missing_numbers": [math.nan] * 4,
        "huge_numbers": (1e9, -1e9, 3.4e38, -3.4e38),
        "small_numbers": (0.0, -0.0, 1e-30, -1.0),
    }
