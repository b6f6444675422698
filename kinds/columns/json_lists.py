"""Texts that are lists, as JSON, Python and numpy write them; and JSON as Arrow reads it.

Tables in memory hold lists, and pandas writes them to CSV as Python (`['a', 'b']`, also tuples and
sets) or, where they came from a file of Parquet, as numpy (`['a' 'b']`). Elements that are no texts
become the text that the typed value has.
"""

import ast
import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from kinds.columns import large_rows
from kinds.columns.columns import TEXTS, Indices, where
from kinds.columns.texts import float_text

_TEXT = r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_ELEMENT = re.compile(f"{_TEXT}|{_NUMBER}|True|False|None|nan")
_ONE = f"(?:{_ELEMENT.pattern})"
_SEVERAL = rf"{_ONE}(?:, {_ONE})"
_PYTHON = re.compile(rf"\[{_SEVERAL}*\]|\((?:{_ONE},|{_SEVERAL}+)?\)|\{{{_SEVERAL}*\}}")
_NUMPY = re.compile(rf"\[\s*{_ONE}(?:\s+{_ONE})*\s*\]")
# numpy leaves the middle of a long list out.
_SHORTENED = r"^\[[^\]]*\s\.\.\.\s[^\]]*\]$"


def json_text(value: list[str | None] | None) -> str | None:
    """
    >>> json_text(["a", None]), json_text(None)
    ('["a", null]', None)
    """
    return None if value is None else json.dumps(value, ensure_ascii=False)


def parsed(texts: pa.Array) -> tuple[Indices, pa.Array]:
    """The indices of those texts that are flat lists, and the lists.

    >>> at, lists = parsed(pa.array(["a b", '["a", 5, null]', "[a", "[[1]]", "['a', 8.0, True]"]))
    >>> at.tolist(), lists.to_pylist()
    ([1, 4], [['a', '5', None], ['a', '8', 'true']])
    """
    candidates = where(may_be_lists(texts))
    one_by_one = large_rows.are_large(texts.nbytes, len(texts))
    read = _large if one_by_one else _parsed
    found = {int(at): read(texts[int(at)]) for at in candidates}
    kept = {at: value for at, value in found.items() if value is not None}
    values = [*kept.values()]
    lists = _one_after_the_other(values) if one_by_one else pa.array(values, TEXTS)
    return np.array([*kept], dtype=np.int64), lists


def may_be_lists(texts: pa.Array) -> pa.Array:
    """Whether each text begins as a list, a tuple or a set does."""
    list_or_tuple = pc.or_(pc.starts_with(texts, "["), pc.starts_with(texts, "("))
    return pc.or_(list_or_tuple, pc.starts_with(texts, "{"))


def shortened(texts: pa.Array) -> Indices:
    """The indices of lists of which numpy has left the middle out.

    >>> shortened(pa.array(["[0 1 2]", "[0 1 ... 8 9]", "a ... b", None])).tolist()
    [1]
    """
    at = where(pc.starts_with(texts, "["))
    return at[where(pc.match_substring_regex(texts.take(pa.array(at)), _SHORTENED))]


def _one_after_the_other(values: list[pa.Array]) -> pa.Array:
    """Without a copy where there is one."""
    return values[0] if len(values) == 1 else pa.concat_arrays([pa.array([], TEXTS), *values])


def _parsed(text: pa.StringScalar) -> list[str | None] | None:
    said = text.as_py()
    try:
        try:
            values = json.loads(said)
        except ValueError:
            values = _written(said)
        if not isinstance(values, list) or any(isinstance(v, dict | list) for v in values):
            return None
        texts = [value_text(value) for value in values]
        "".join(t for t in texts if t).encode()
    except (ValueError, RecursionError):
        return None
    return texts


def _written(said: str) -> list[Any] | None:
    """A list as Python or numpy writes it, None for any other text. Raises ValueError."""
    if not (_PYTHON.fullmatch(said) or _NUMPY.fullmatch(said)):
        return None
    return [_element(one) for one in _ELEMENT.findall(said)]


def _element(said: str) -> Any:
    if said in ("None", "nan"):
        return None
    if said[0] in "'\"" or said in ("True", "False"):
        try:
            return ast.literal_eval(said)
        except SyntaxError:
            raise ValueError(said) from None
    return int(said) if said.lstrip("+-").isdecimal() else float(said)


def value_text(value: Any) -> str | None:
    """The text of a plain value of JSON or Python, as kinds.columns.texts gives it in a column."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return None if value != value else float_text(value)
    return json.dumps(value)


def _large(text: pa.StringScalar) -> pa.Array | None:
    """An array of the one list. Arrow reads it where it is one of texts: Python's would take twenty
    times its memory."""
    block = b"".join([b'{"list":', text.as_buffer(), b"}"])
    options = pyarrow.json.ParseOptions(
        explicit_schema=pa.schema([("list", TEXTS)]), unexpected_field_behavior="error"
    )
    table = objects(block, options)
    if table is not None and table.num_rows == 1:
        return table.column(0).chunk(0)
    value = _parsed(text)
    return None if value is None else pa.array([value], TEXTS)


def objects(block: bytes, options: pyarrow.json.ParseOptions | None = None) -> pa.Table | None:
    """The objects of a block of lines, or None where Arrow cannot read it."""
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(block),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=options,
            memory_pool=large_rows.pool(len(block), block.count(b"\n")),
        )
        table.validate(full=True)
    except pa.ArrowException:
        return None
    return table
