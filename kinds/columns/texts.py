"""The column type `text`: one text a row, null where it is missing."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import MISSING, Bad, Unreadable
from kinds.lists import one_each
from kinds.tensors import Element

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
    return pc.if_else(whole, integers.cast(pa.string()), column.cast(pa.string()))


def arrow() -> pa.DataType:
    return pa.string()


def is_list() -> bool:
    return False


def is_number() -> bool:
    return False


def typed(column: pa.Array, separator: str) -> tuple[pa.Array, list[Bad]]:
    return text(column), []


def element() -> Element:
    return "string"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """The text, "" where it is missing."""
    return strings(column)


def strings(column: pa.Array) -> npt.NDArray[np.object_]:
    filled: npt.NDArray[np.object_] = pc.fill_null(column, "").to_numpy(zero_copy_only=False)
    return filled


def raw(column: pa.Array) -> pa.Array:
    return one_each(pc.fill_null(column.cast(pa.binary()), MISSING))


def hard_cells() -> Mapping[str, Sequence[str]]:
    return HARD_TEXTS
