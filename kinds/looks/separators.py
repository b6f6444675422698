"""Texts that hold several values: what separates them, and whether these come again."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# These hardly stand in a value for anything else.
SURE = ("|", " | ", ";", "; ", ", ", ",", "\t", "::")
# These stand in codes, dates and names, too.
UNSURE = (" / ", "/", " > ", ">", " & ", "&", " + ", "+", "_", "-", ":")
# In days and times.
_EVEN = (":", "-", " ", "/", ".")
_LOOKED_AT = 20_000
_FEW = 10
# Codes and dates have fewer parts.
_LONG = 4


@dataclass(frozen=True)
class Parts:
    """Distinct texts cut at a separator: how many parts a text has and how many there are in all,
    counted each time and each once."""

    separator: str
    mean: float
    all: int
    distinct: int
    texts: int
    single: float
    varies: bool

    @property
    def share(self) -> float:
        """Distinct parts for each text: far below one where a few make up many texts."""
        return self.distinct / self.texts


def parts(texts: pa.Array, separator: str) -> Parts:
    """Of distinct texts."""
    cut = pc.split_pattern(texts, separator)
    lengths = pc.list_value_length(cut).to_numpy(zero_copy_only=False)
    pieces = cut.flatten()
    return Parts(
        *(separator, float(lengths.mean()), len(pieces), pc.count_distinct(pieces).as_py()),
        *(len(texts), float((lengths == 1).mean()), bool(lengths.min() < lengths.max())),
    )


def listed(texts: pa.Array) -> Parts | None:
    """What cuts distinct texts into values that make up many of them, if anything does.

    >>> texts = [f"{a}|{b}" for a in "abcde" for b in "vwxyz"] + ["a", "b"]
    >>> listed(pa.array(texts)).separator
    '|'
    """
    texts = texts[:_LOOKED_AT]
    if len(texts) < _FEW:
        return None
    found = []
    for separator in (*SURE, *UNSURE):
        holding = pc.sum(pc.match_substring(texts, separator)).as_py()
        if holding < 0.15 * len(texts):
            continue
        one = parts(texts, separator)
        if separator in SURE:
            fits = one.mean >= 1.2 and (one.share <= 0.5 or one.distinct <= 0.1 * one.all)
        else:
            fits = one.share <= 0.3 and one.varies and (one.single >= 0.01 or one.mean >= _LONG)
        if fits:
            found.append(one)
    return min(found, key=lambda one: (one.distinct, -one.all), default=None)


def evenly(texts: pa.Array) -> str:
    """What cuts all texts into as many parts, two at least; empty if nothing does.

    >>> evenly(pa.array(["10:05", "7:30"])), evenly(pa.array(["10:05", "7:30:01"]))
    (':', '')
    """
    for separator in _EVEN:
        lengths = pc.unique(pc.list_value_length(pc.split_pattern(texts, separator))).to_pylist()
        if len(lengths) == 1 and lengths[0] > 1:
            return separator
    return ""


def words(texts: pa.Array) -> Parts | None:
    """The words of distinct texts, None where hardly any has two."""
    texts = texts[:_LOOKED_AT]
    if not len(texts):
        return None
    one = parts(pc.utf8_trim_whitespace(texts), " ")
    return one if one.mean >= 1.2 else None


def without_spaces(texts: pa.Array) -> bool:
    """Whether texts are of letters that are written without spaces (Chinese, Japanese, Thai)."""
    letters = pc.match_substring_regex(texts, r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]")
    long = np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False)).mean()
    return bool(pc.mean(letters.cast(pa.float64())).as_py() > 0.5 and long >= 4)
