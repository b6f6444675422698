"""Arrow columns to text and to lists of text."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import large
from pipeline.casting.columns import Bad, Unreadable, plain, where

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
    split = pc.split_pattern(texts, separator, memory_pool=large.pool(texts.nbytes, len(texts)))
    if pc.any(empty := pc.equal(texts, "")).as_py():
        split = pc.if_else(empty, pa.scalar([], split.type), split)
    json_lists = where(pc.starts_with(texts, "["))
    if not len(json_lists):
        return split, []
    parsed = {int(at): _json_list(texts[int(at)].as_py()) for at in json_lists}
    if not any(value is not None for value in parsed.values()):
        return split, []
    mixed = [
        value if parsed.get(at) is None else parsed[at]
        for at, value in enumerate(split.to_pylist())
    ]
    return pa.array(mixed, split.type), []


def json_text(value: list[str | None] | None) -> str | None:
    """
    >>> json_text(["a", None]), json_text(None)
    ('["a", null]', None)
    """
    return None if value is None else json.dumps(value, ensure_ascii=False)


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
