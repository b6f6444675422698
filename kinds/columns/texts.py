"""The column type `text`: one text a row, null where it is missing.

What the values of each type become, whatever the format of the file (docs/preparing.md shows it):

    flags                          true, false
    whole numbers, also as floats  8, to the last digit where the type has it
    other floats, decimals         8.5 and 1e-05 as Python writes floats; decimals with all digits
    days, times                    2024-01-02, 2024-01-02 03:04:05.5; with a zone in UTC, with a Z
    lengths of time                their seconds, as floats: 90, 0.5
    dictionaries, enums, bytes     as the values within; bytes must be UTF-8

A text stays what it is, unless it is read as a value (kinds.columns.readings).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import MISSING, Bad, Unreadable, seconds, where
from kinds.columns.readings import point_in_time
from kinds.lists import one_each
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

HARD_TEXTS = {
    "unseen": ("\x1f no such value \x1f", "0" * 40, "NULL", "nan"),
    "empty_text": ("", "", "", ""),
    "spaces": (" ", "\t", "a ", "\n"),
    "long_text": ("x" * 100_000, "é" * 50_000, "🙂" * 20_000, "\u0301" * 10_000),
    "unicode": ("🙂", "👩\u200d👩\u200d👧", "e\u0301", "\u00e9"),
    "control": ("\x00", "a\x00b", "\ufeffa", "\u202ea"),
}
# From here on a float does not tell an integer from the next one.
EXACT = 2.0**53


def text(column: pa.Array) -> pa.Array:
    """The plain text of each value. Raises Unreadable."""
    kind = column.type
    if pa.types.is_string(kind):
        return column
    if pa.types.is_floating(kind):
        return _float_text(column)
    if pa.types.is_duration(kind):
        return _float_text(seconds(column))
    if pa.types.is_temporal(kind):
        return _time_text(column)
    if pa.types.is_nested(kind):
        raise Unreadable
    try:
        return column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise Unreadable from None


def _float_text(column: pa.Array) -> pa.Array:
    """The plain text of floats: 5.0 is "5", as it was before a missing value made it a float."""
    values = column.cast(pa.float64())
    column = pc.if_else(pc.is_nan(values), pa.scalar(None, column.type), column)
    whole = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), EXACT))
    integers = pc.if_else(whole, values, None).cast(pa.int64())
    texts = pc.if_else(whole, integers.cast(pa.string()), column.cast(pa.string()))
    # Arrow writes few numbers otherwise than everybody else: all of them have an exponent here or
    # there.
    size = pc.abs(values)
    odd = where(pc.or_(pc.less(size, 1e-4), pc.greater_equal(size, 1e10)))
    odd = odd[~whole.take(pa.array(odd)).to_numpy(zero_copy_only=False)]
    if not len(odd):
        return texts
    mask = np.zeros(len(texts), dtype=bool)
    mask[odd] = True
    # The shortest text that gives the number back in its own type.
    said = [str(value) for value in column.take(pa.array(odd)).to_numpy()]
    said = [text.removesuffix(".0") for text in said]
    return pc.replace_with_mask(texts, pa.array(mask), pa.array(said, pa.string()))


def float_text(value: float) -> str:
    """
    >>> float_text(8.0), float_text(-0.0), float_text(1e-5), float_text(1e16), float_text(2.0**53)
    ('8', '0', '1e-05', '1e+16', '9007199254740992')
    """
    return repr(value + 0.0).removesuffix(".0")


def _time_text(column: pa.Array) -> pa.Array:
    """One text for a point in time, whatever its unit. Raises Unreadable."""
    kind, zoned = column.type, getattr(column.type, "tz", None) is not None
    try:
        if pa.types.is_date(kind):
            return column.cast(pa.date32()).cast(pa.string())
        if zoned:
            column = column.cast(pa.timestamp(kind.unit, "UTC")).cast(pa.timestamp(kind.unit))
        texts = column.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        raise Unreadable from None
    if not zoned:
        return point_in_time(texts)
    fraction = pc.replace_substring_regex(texts, r"(\.[0-9]*?)0+$", r"\1")
    texts = pc.replace_substring_regex(fraction, r"\.$", "")
    return pc.binary_join_element_wise(texts, "Z", "")


def arrow() -> pa.DataType:
    return pa.string()


def wanted() -> str:
    return "text"


def is_list() -> bool:
    return False


def on_a_line() -> None:
    return None


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    return text(column), []


def element() -> Element:
    return "string"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """The text, "" where it is missing."""
    return strings(column)


def strings(column: pa.Array) -> npt.NDArray[np.object_]:
    filled: npt.NDArray[np.object_] = pc.fill_null(column, "").to_numpy(zero_copy_only=False)
    return filled


def is_split_in_file() -> bool:
    return False


def raw(column: pa.Array) -> pa.Array:
    return one_each(pc.fill_null(column.cast(pa.binary()), MISSING))


def hard_cells() -> Mapping[str, Sequence[str]]:
    return HARD_TEXTS
