"""Texts that say yes or no."""

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.flags import PAIRS

# So programs write that there is none. "unknown" is an answer.
_NONE = r"^(?i:na|n/a|nan|null|<na>|#n/a)$"


def are_flags(values: pa.Array) -> bool:
    """Whether distinct values are such a pair, in whatever case, beside words for a missing one.

    >>> are_flags(pa.array(["Ja", "nein"])), are_flags(pa.array(["ja", "no"]))
    (True, False)
    >>> are_flags(pa.array(["TRUE", "FALSE", "NA"]))
    True
    """
    texts = pc.utf8_lower(pc.utf8_trim_whitespace(values))
    found = frozenset(texts.filter(pc.invert(_say_none(texts))).to_pylist())
    return any(found == {*pair} for pair in PAIRS)


def missing_words(values: pa.Array) -> tuple[str, ...]:
    """The words for a missing one among distinct values.

    >>> missing_words(pa.array(["TRUE", "FALSE", "NA"]))
    ('NA',)
    """
    texts = pc.utf8_trim_whitespace(values)
    return tuple(dict.fromkeys(texts.filter(_say_none(texts)).to_pylist()))


def _say_none(texts: pa.Array) -> pa.Array:
    return pc.match_substring_regex(texts, _NONE)
