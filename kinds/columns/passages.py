"""The column type `passage`: one text of any number of words a row, null where it is missing.

An exported file takes the whole text and splits it at spaces, or at a separator. No operation of
ONNX replaces a character, and StringNormalizer makes other letters small in a browser than on a
server, whatever its locale. So both are done here, before the file sees a text: the `spaces` of a
field become a space, and where it is `lower`, A to Z become a to z. The file's metadata says so to
whoever feeds it without this code.
"""

import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns import texts
from kinds.columns.columns import Bad
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

# None of a word that is in the rows of a vocabulary, and some that code for words gets wrong.
HARD_PASSAGES = {
    "unseen": ("\x1f no such word \x1f", "0 " * 40, "NULL", "nan"),
    "empty_text": ("", "", "", ""),
    "spaces": (" ", "  a  b ", "\t\na\u00a0b\u3000", "\u2028 \u0085"),
    "long_text": ("x" * 100_000, "a B " * 20_000, "é 🙂 " * 10_000, "\u0301" * 10_000),
    "unicode": (
        "İSTANBUL \u0131I",
        "STRASSE straße ẞ",
        "👩\u200d👩\u200d👧 e\u0301 É",
        "没有空格 的 文字",
    ),
    "control": ("\x00", "a\x00b A", "\ufeffa", "\u202ea |,a"),
}


def prepared(texts: pa.Array, spaces: str, *, lower: bool) -> pa.Array:
    """The texts as a file takes them; no character but of ASCII is changed.

    >>> prepared(pa.array(["A,b\\tÄ", None]), ",\\t", lower=True).to_pylist()
    ['a b Ä', None]
    """
    small = lower * string.ascii_uppercase
    table = bytes.maketrans((spaces + small).encode(), b" " * len(spaces) + small.lower().encode())
    validity, offsets, content = texts.buffers()
    if content is None:
        return texts
    changed = pa.py_buffer(content.to_pybytes().translate(table))
    return pa.Array.from_buffers(
        texts.type, len(texts), [validity, offsets, changed], texts.null_count, texts.offset
    )


def arrow() -> pa.DataType:
    return pa.string()


def wanted() -> str:
    return "one text a row (lists of words are a sequence)"


def is_list() -> bool:
    return False


def on_a_line() -> None:
    return None


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    plain = texts.text(column)
    if field.spaces or field.lower:
        plain = prepared(plain, field.spaces, lower=field.lower)
    return plain, []


def element() -> Element:
    return "string"


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    """The text, "" where it is missing."""
    return texts.strings(column)


def is_split_in_file() -> bool:
    return True


def raw(column: pa.Array) -> pa.Array:
    return texts.raw(column)


def hard_cells() -> Mapping[str, Sequence[Any]]:
    return HARD_PASSAGES
