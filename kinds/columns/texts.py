"""Arrow columns to text and to lists of text."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import json_lists
from kinds.columns.columns import Bad, Unreadable, plain
from pipeline import large

# From here on a float does not tell an integer from the next one.
EXACT = 2.0**53
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


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


def lists(column: pa.Array, separator: str) -> tuple[pa.Array, list[Bad]]:
    """Lists of texts, of lists and of text that is JSON or has separators. Raises Unreadable."""
    if _is_list(column.type):
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
    split = pc.split_pattern(texts, separator, memory_pool=large.pool(texts.nbytes, len(texts)))
    if pc.any(empty := pc.equal(texts, "")).as_py():
        split = pc.if_else(empty, pa.scalar([], split.type), split)
    if not len(at):
        return split, []
    places = np.arange(len(texts))
    places[at] = len(texts) + np.arange(len(at))
    return pa.concat_arrays([split, found]).take(pa.array(places)), []


def _native_list(column: pa.Array) -> tuple[pa.Array, list[Bad]]:
    values, problems = plain(column.flatten())
    values = text(values)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    made = pa.ListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
    owner = np.repeat(np.arange(len(column)), lengths)
    return made, [Bad(bad.reason, np.unique(owner[bad.at])) for bad in problems]


def _is_list(kind: pa.DataType) -> bool:
    return any(is_type(kind) for is_type in _LISTS)
