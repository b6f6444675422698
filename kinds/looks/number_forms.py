"""Texts that are numbers, also as people write them: with commas, currencies, percent, NA."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PLAIN = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
_NONE = r"^\s*(?i:na|n/a|n\.a\.|nan|null|none|nil|missing|unknown|\?|-+|\.|#n/a|<na>)\s*$"
_MONEY = r"(?:[$€£¥₹]|(?i:usd|eur|gbp|chf|rs\.?))"
_GROUPED = r"[+-]?[0-9]{1,3}([,' ][0-9]{3})+(\.[0-9]+)?"
_NUMBER = rf"({_GROUPED}|[+-]?[0-9]*[.,]?[0-9]+)"
# Each: for a person, the pattern, and what to do about it.
_FORMS = (
    ("numbers with thousands separators", rf"^{_GROUPED}$", "take the separators out"),
    (
        "numbers with a decimal comma",
        r"^[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+),[0-9]+$",
        "write a point",
    ),
    ("amounts of money", rf"^[+-]?({_MONEY} ?{_NUMBER}|{_NUMBER} ?{_MONEY})$", "take the sign out"),
    ("percentages", rf"^{_NUMBER} ?%$", "take the % out"),
)


@dataclass(frozen=True)
class Numbers:
    """The texts as numbers: NaN where one says that there is none (`absent` of them, such as the
    `word`). `form` names another way to write numbers than a plain one, and `remedy` what to do."""

    values: np.ndarray
    absent: int = 0
    word: str = ""
    form: str = ""
    remedy: str = ""


def numbers_in(texts: pa.Array) -> Numbers | None:
    """The texts as numbers, None where they are none.

    >>> numbers_in(pa.array(["1", "NA", "2.5"])).values
    array([1. , nan, 2.5])
    >>> numbers_in(pa.array(["$1,200.50", "$3.20"])).form
    'amounts of money'
    """
    try:
        # In the usual case one look is enough.
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if np.isfinite(values).all():
            return Numbers(values)
    except pa.ArrowInvalid:
        pass
    absent = pc.match_substring_regex(texts, _NONE)
    left = texts.filter(pc.invert(absent))
    gone = len(texts) - len(left)
    # Few numbers beside many other words are labels such as "10" beside "none".
    if 2 * len(left) < len(texts) or not len(left):
        return None
    word = texts.filter(absent)[0].as_py() if gone else ""
    if not _all(left, _PLAIN):
        for said, pattern, remedy in _FORMS:
            if pc.mean(pc.match_substring_regex(left, pattern).cast(pa.float64())).as_py() >= 0.5:
                plain = rf"({pattern[1:-1]})|{_PLAIN[1:-1]}"
                if _all(left, f"^({plain})$"):
                    return Numbers(np.zeros(0), gone, word, said, remedy)
        return None
    digits = pc.utf8_ltrim(pc.utf8_trim_whitespace(texts), "+")
    there = pc.if_else(absent, None, digits).cast(pa.float64())
    return Numbers(there.to_numpy(zero_copy_only=False), gone, word)


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())
