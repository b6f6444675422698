"""The column type `list`: any number of texts a row, null where the list is missing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import json_lists, large_rows
from kinds.columns.columns import MISSING, TEXTS, Bad, Unreadable, plain
from kinds.columns.texts import HARD_TEXTS, strings, text
from kinds.columns.weighted import cut
from kinds.lists import list_lengths, lists_of
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def arrow() -> pa.DataType:
    return TEXTS


def wanted() -> str:
    return "list"


def is_list() -> bool:
    return True


def on_a_line() -> None:
    return None


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """Lists of texts, of lists and of text that is JSON or has separators. Raises Unreadable."""
    made, problems = whole(column, field)
    if not field.weighted_by:
        return made, problems
    parts = cut(made, field.weighted_by)
    return parts.values, [*problems, parts.without]


def whole(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """The same lists, each value with its weight where it has one in its text."""
    if is_native(column.type):
        return _native_list(column)
    if pa.types.is_nested(column.type):
        raise Unreadable
    texts = text(column)
    at, found = json_lists.parsed(texts)
    if len(at) == len(texts):
        return found, []
    is_json = np.zeros(len(texts), dtype=bool)
    is_json[at] = True
    if len(at):
        texts = pc.if_else(pa.array(is_json), pa.scalar(None, texts.type), texts)
    split = pc.split_pattern(
        texts, field.separator, memory_pool=large_rows.pool(texts.nbytes, len(texts))
    )
    if pc.any(empty := pc.equal(texts, "")).as_py():
        split = pc.if_else(empty, pa.scalar([], split.type), split)
    problems = [Bad("shortened_list", json_lists.shortened(texts))]
    if not len(at):
        return split, problems
    places = np.arange(len(texts))
    places[at] = len(texts) + np.arange(len(at))
    return pa.concat_arrays([split, found]).take(pa.array(places)), problems


def plain_values(column: pa.Array) -> tuple[pa.Array, list[Bad]]:
    """The elements of all lists, one list after the other, and those that are no text."""
    return plain(column.flatten())


def _native_list(column: pa.Array) -> tuple[pa.Array, list[Bad]]:
    values, problems = plain_values(column)
    values = text(values)
    lengths = list_lengths(column)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    made = pa.ListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
    owner = np.repeat(np.arange(len(column)), lengths)
    return made, [Bad(bad.reason, np.unique(owner[bad.at])) for bad in problems]


def is_native(kind: pa.DataType) -> bool:
    return any(is_type(kind) for is_type in _LISTS)


def element() -> Element:
    return "string"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """
    >>> fed(pa.array([["a"], None, ["a", None, "c"]]), 2).tolist()
    [['', 'a'], ['', ''], ['', 'c']]
    """
    return left_padded(strings(column.flatten()), list_lengths(column), length, "")


def left_padded(
    values: npt.NDArray[Any], lengths: npt.NDArray[np.int64], length: int, padding: object
) -> npt.NDArray[Any]:
    """The last values of each list [rows, length], the padding before them.

    `values` has those of all lists, one list after the other.

    >>> left_padded(np.array([1, 2, 3]), np.array([1, 0, 2]), 2, 9).tolist()
    [[9, 1], [9, 9], [2, 3]]
    """
    padded = np.append(values, np.array([padding], values.dtype))
    # Place j of a row holds its value j - length from the end; before its first one, the padding.
    places = np.cumsum(lengths)[:, None] + np.arange(-length, 0)[None, :]
    is_there = np.arange(length, 0, -1)[None, :] <= lengths[:, None]
    taken: npt.NDArray[Any] = padded[np.where(is_there, places, -1)]
    return taken


def is_split_in_file() -> bool:
    return False


def raw(column: pa.Array) -> pa.Array:
    """A missing value becomes the empty text, a missing list the one value MISSING."""
    column = column.cast(pa.list_(pa.binary()))
    if column.null_count:
        column = pc.if_else(column.is_null(), pa.scalar([MISSING], column.type), column)
    return lists_of(pc.fill_null(column.flatten(), b""), list_lengths(column))


def hard_cells() -> Mapping[str, Sequence[Any]]:
    return {name: [[text, None, text] for text in texts] for name, texts in HARD_TEXTS.items()}
