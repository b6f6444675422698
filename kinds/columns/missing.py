"""Texts that mean that a value is missing: no text, what a type takes for it, a spec's own words.

An empty cell is missing in every type, and so are blanks where the type is no text. Of a number or
a date NaN and NaT are, as pandas writes them. Whatever else people write stands in the spec, once
for all columns (`missing_words`), and is taken away before a cell is read as anything.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.readings import as_values
from kinds.columns.texts import text

NAN = r"^[+-]?(?i:nan)$"
NAT = r"^(?i:nan|nat)$"


def without_words(column: pa.Array, words: Sequence[str]) -> pa.Array:
    """A plain column without the cells that say that there is no value. A word is a value: -999 is
    also the number -999 and the text -999.0.

    >>> without_words(pa.array([" NA", "-999.0", "7"]), ["NA", "-999"]).to_pylist()
    [None, None, '7']
    >>> without_words(pa.array([-999.0, 7.0]), ["NA", "-999"]).to_pylist()
    [None, 7.0]
    """
    if not words or pa.types.is_nested(column.type):
        return column
    said = column if pa.types.is_string(column.type) else text(column)
    said = as_values(pc.utf8_trim_whitespace(said))
    is_word = pc.is_in(said, as_values(pa.array([word.strip() for word in words])))
    if not pc.any(is_word).as_py():
        return column
    return pc.if_else(is_word, pa.scalar(None, column.type), column)


def without_blanks(texts: pa.Array) -> pa.Array:
    """Trimmed texts, null where there is none."""
    said = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.equal(said, ""), None, said)
