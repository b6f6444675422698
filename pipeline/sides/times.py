"""Times as people have them, in their order: ISO days and times, or plain numbers.

Whatever type a column has, its texts tell (kinds.columns.texts): of dates and timestamps of every
unit, of years, steps and Unix seconds. A time with a zone is taken in UTC, one without as if it
were in UTC. Days and times count to the microsecond, numbers as float64 tells them apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.columns.readings import as_values
from kinds.columns.texts import float_text, text

Integers = npt.NDArray[np.int64]
NEITHER, NUMBER, CLOCK = range(3)
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_CLOCK = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z?)?$"
_BEYOND_MICROSECONDS = r"(\.[0-9]{6})[0-9]+"
_MICROSECONDS = pa.timestamp("us")


@dataclass(frozen=True)
class Times:
    """int64 [rows]: places in time, which rise as it does within one kind; int8 [rows]: of which
    kind each is, NUMBER or CLOCK, or NEITHER where the text is no time or missing."""

    at: Integers
    kind: npt.NDArray[np.int8]


def times_of(column: pa.Array) -> Times:
    """Of texts, or of a column that an input reads as points in time.

    >>> found = times_of(pa.array(["2024-01-02", "2024-01-02T01:00+01:00", "2023", "May", None]))
    >>> found.kind.tolist(), bool(found.at[0] == found.at[1])
    ([2, 2, 1, 0, 0], True)
    """
    if pa.types.is_timestamp(column.type):
        there = column.is_valid().to_numpy(zero_copy_only=False)
        at = pc.fill_null(column.cast(_MICROSECONDS).cast(pa.int64()), 0)
        return Times(at.to_numpy(), np.where(there, CLOCK, NEITHER).astype(np.int8))
    encoded = column.dictionary_encode(null_encoding="encode")
    found = _distinct(pc.utf8_trim_whitespace(encoded.dictionary))
    indices = encoded.indices.to_numpy()
    return Times(found.at[indices], found.kind[indices])


def _distinct(texts: pa.Array) -> Times:
    said = as_values(texts)
    at, kind = np.zeros(len(said), np.int64), np.zeros(len(said), np.int8)
    for number, pattern, places in ((NUMBER, _NUMBER, _of_numbers), (CLOCK, _CLOCK, _of_clocks)):
        fits = pc.fill_null(pc.match_substring_regex(said, pattern), False)
        here = np.flatnonzero(fits.to_numpy(zero_copy_only=False))
        found = places(said.take(pa.array(here)))
        valid = found.is_valid().to_numpy(zero_copy_only=False)
        at[here[valid]] = found.drop_null().to_numpy()
        kind[here[valid]] = number
    return Times(at, kind)


def _of_numbers(texts: pa.Array) -> pa.Array:
    numbers = pc.utf8_ltrim(texts, "+").cast(pa.float64()).to_numpy() + 0.0
    return pa.array(_in_order(numbers), mask=~np.isfinite(numbers))


def _in_order(numbers: npt.NDArray[np.float64]) -> Integers:
    """Integers in the order of the numbers: the bits of those below 0 are turned round."""
    bits = numbers.view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(2**63 - 1))


def _of_clocks(texts: pa.Array) -> pa.Array:
    """Microseconds since 1970; null where a calendar has no such day."""
    plain = pc.utf8_rtrim(texts, "Z")
    plain = pc.replace_substring_regex(plain, _BEYOND_MICROSECONDS, r"\1")
    return _stamps(plain).cast(pa.int64())


def _stamps(texts: pa.Array) -> pa.Array:
    try:
        return texts.cast(_MICROSECONDS)
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return pa.nulls(1, _MICROSECONDS)
        half = len(texts) // 2
        return pa.concat_arrays([_stamps(texts[:half]), _stamps(texts[half:])])


def time_text(at: int, kind: int) -> str:
    """The text of a place in time.

    >>> found = times_of(pa.array(["2024-01-02T03:04:05.50", "-7.50"]))
    >>> [time_text(int(at), int(kind)) for at, kind in zip(found.at, found.kind)]
    ['2024-01-02 03:04:05.5', '-7.5']
    """
    if kind == NUMBER:
        (number,) = _in_order(np.array([at], np.int64).view(np.float64)).view(np.float64)
        return float_text(float(number))
    return str(text(pa.array([at], _MICROSECONDS))[0].as_py())


def time_field(fields: Iterable[Field], column: str) -> Field | None:
    """The field that reads a column as points in time: who splits by it reads it so, too."""
    own = (field for field in fields if field.column == column)
    return next((field for field in own if pa.types.is_timestamp(field.type)), None)
