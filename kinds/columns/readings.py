"""Readings of a column of text: as the words that somebody wrote, or as the values of a type.

A file of text says "True" and "8.0" where another has a flag and a whole number. Read as `values`
such a cell becomes the text that the typed value has (kinds.columns.texts); read as `words` it
stays. Nothing in a single cell tells which is meant: tokens of a program hold "True", too. So the
training rows decide for a whole vocabulary, once, and the answer goes with the field.
"""

from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import TEXTS, where
from kinds.lists import list_lengths

Reading = Literal["words", "values"]

_SAID = {"true": ("True", "TRUE"), "false": ("False", "FALSE")}
_WHOLE = r"^-?(0|[1-9][0-9]*)\.0$"
_DAY, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_TIME = f"^({_DAY}[ T])?{_CLOCK}$"
_DONE = rf"^({_DAY} )?[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]*[1-9])?$"
_ZONED = f"^{_DAY}[ T]{_CLOCK}{_ZONE}$"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_VALUE = f"^({_NUMBER}|(?i:true|false)|{_DAY}|({_DAY}[ T])?{_CLOCK}{_ZONE}?)$"


def decided(values: pa.Array, counts: pa.Array) -> Reading:
    """`values` where more than half of what was counted are flags, numbers, days or times.

    >>> decided(pa.array(["8.0", "none"]), pa.array([9, 3]))
    'values'
    >>> decided(pa.array(["True", "self", "."]), pa.array([9, 20, 50]))
    'words'
    """
    if not len(values):
        return "words"
    typed = pc.match_substring_regex(values, _VALUE)
    own = pc.sum(pc.if_else(typed, counts, 0)).as_py()
    return "values" if 2 * own > pc.sum(counts).as_py() else "words"


def as_read(column: pa.Array, reading: Reading) -> pa.Array:
    """Texts, or lists of texts, by a reading."""
    if reading == "words" or column.type not in (pa.string(), TEXTS):
        return column
    if not pa.types.is_list(column.type):
        return as_values(column)
    values = column.flatten()
    if (read := as_values(values)) is values:
        return column
    offsets = np.concatenate([[0], np.cumsum(list_lengths(column))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), read, mask=column.is_null())


def as_values(texts: pa.Array) -> pa.Array:
    """The texts that typed values have, other texts as they are; the same array where all are.

    >>> as_values(pa.array(["True", "8.0", "8.50", "007", "2024-01-02T00:00", None])).to_pylist()
    ['true', '8', '8.50', '007', '2024-01-02', None]
    """
    letters = _letters(texts)
    if b".0" in letters:
        texts = _whole(texts)
    if b"T" in letters or b"F" in letters:
        texts = _flags(texts)
    if b":" in letters:
        texts = _times(texts)
    return texts


def _letters(texts: pa.Array) -> bytes:
    """All bytes of the texts in one piece: to look for one in them costs next to nothing."""
    _, offsets, content = texts.buffers()
    if content is None or not len(texts):
        return b""
    ends = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return content.slice(int(ends[0]), int(ends[1] - ends[0])).to_pybytes()


def _whole(texts: pa.Array) -> pa.Array:
    at = where(pc.ends_with(texts, ".0"))
    cells = texts.take(pa.array(at))
    fits = pc.match_substring_regex(cells, _WHOLE)
    cut = pc.utf8_slice_codeunits(cells.filter(fits), 0, -2)
    return _replaced(texts, at[where(fits)], pc.if_else(pc.equal(cut, "-0"), "0", cut))


def _flags(texts: pa.Array) -> pa.Array:
    for flag, spellings in _SAID.items():
        at = where(pc.is_in(texts, pa.array(spellings)))
        texts = _replaced(texts, at, pa.array([flag] * len(at), pa.string()))
    return texts


def _times(texts: pa.Array) -> pa.Array:
    midnight = pc.ends_with(texts, " 00:00:00")
    done = pc.and_not(pc.match_substring_regex(texts, _DONE), midnight)
    at = where(pc.and_not(pc.match_substring_regex(texts, _TIME), done))
    texts = _replaced(texts, at, point_in_time(texts.take(pa.array(at))))
    at = where(pc.match_substring_regex(texts, _ZONED))
    return _replaced(texts, at, _in_utc(texts.take(pa.array(at))))


def point_in_time(texts: pa.Array) -> pa.Array:
    """ISO times: no T, seconds always, no more of a fraction than there is, a midnight as a day.

    >>> said = ["2024-01-02T03:04", "2024-01-02 03:04:05.500", "2024-01-02 00:00:00.000", "03:04"]
    >>> point_in_time(pa.array(said)).to_pylist()
    ['2024-01-02 03:04:00', '2024-01-02 03:04:05.5', '2024-01-02', '03:04:00']
    """
    rules = {r"^(.{10})T": r"\1 ", r"^((.{11})?[0-9]{2}:[0-9]{2})$": r"\1:00"}
    rules |= {r"(\.[0-9]*?)0+$": r"\1", r"\.$": "", " 00:00:00$": ""}
    for pattern, replacement in rules.items():
        texts = pc.replace_substring_regex(texts, pattern, replacement)
    return texts


def _in_utc(texts: pa.Array) -> pa.Array:
    """Times with a zone, in UTC and with a Z. What no calendar has stays as it is."""
    if not len(texts):
        return texts
    fraction = pc.replace_substring_regex(texts, r"^[^.]*(\.[0-9]*?)?0*" + _ZONE + "$", r"\1")
    whole = pc.replace_substring_regex(texts, r"\.[0-9]+", "")
    try:
        seconds = whole.cast(pa.timestamp("s", "UTC")).cast(pa.timestamp("s")).cast(pa.string())
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return texts
        half = len(texts) // 2
        return pa.concat_arrays([_in_utc(texts[:half]), _in_utc(texts[half:])])
    fraction = pc.if_else(pc.equal(fraction, "."), "", fraction)
    return pc.binary_join_element_wise(seconds, fraction, "Z", "")


def _replaced(texts: pa.Array, at: np.ndarray, by: pa.Array) -> pa.Array:
    if not len(at):
        return texts
    mask = np.zeros(len(texts), dtype=bool)
    mask[at] = True
    return pc.replace_with_mask(texts, pa.array(mask), by)
