"""The column type `vector`: any number of float32 a row, null where the list is missing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import lists, numbers
from kinds.columns.columns import Bad, Line, Unreadable, where
from kinds.columns.texts import text
from kinds.columns.weighted import cut
from kinds.lists import list_lengths, lists_of
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field


def wanted() -> str:
    return "vector"


def arrow() -> pa.DataType:
    return pa.list_(pa.float32())


def is_list() -> bool:
    return True


def on_a_line() -> Line:
    return _numbers


def _numbers(column: pa.Array) -> npt.NDArray[np.float32]:
    """Those of all lists, NaN where one is missing."""
    gaps = np.full(column.null_count, np.nan, np.float32)
    return np.append(column.flatten().to_numpy(zero_copy_only=False), gaps)


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """Lists of numbers, of lists and of text that is JSON or has separators. Raises Unreadable.

    A list holds numbers only: one that is missing among them is bad.
    """
    if field.weighted_by:
        column = cut(lists.whole(column, field)[0], field.weighted_by).weights
    elif not lists.is_native(column.type):
        if pa.types.is_nested(column.type):
            raise Unreadable
        texts = pc.utf8_trim_whitespace(text(column))
        made, _ = lists.typed(texts, field)
        column = pc.if_else(pc.equal(texts, ""), pa.scalar(None, made.type), made)
    values, problems = lists.plain_values(column)
    typed_values, bad = numbers.typed(values, field)
    problems += [*bad, Bad("not_a_number", where(typed_values.is_null(nan_is_null=True)))]
    lengths = list_lengths(column)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    made = pa.ListArray.from_arrays(pa.array(offsets), typed_values, mask=column.is_null())
    owner = np.repeat(np.arange(len(column)), lengths)
    return made, [Bad(one.reason, np.unique(owner[one.at])) for one in problems]


def element() -> Element:
    return "float"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """
    >>> fed(pa.array([[1.0, 2.0, 3.0], None]), 2).tolist()
    [[2.0, 3.0], [nan, nan]]
    """
    values = column.flatten().to_numpy(zero_copy_only=False)
    return lists.left_padded(values, list_lengths(column), length, np.nan)


def is_split_in_file() -> bool:
    return False


def raw(column: pa.Array) -> pa.Array:
    """A missing list becomes an empty one."""
    return lists_of(column.flatten(), list_lengths(column))


def hard_cells() -> Mapping[str, Sequence[list[float] | None]]:
    """Each of one number: it stands as often as a cell has numbers."""
    return {
        "missing_numbers": [None] * 4,
        "huge_numbers": [[1e9], [-1e9], [3.4e38], [-3.4e38]],
        "small_numbers": [[0.0], [-0.0], [1e-30], [-1.0]],
    }
