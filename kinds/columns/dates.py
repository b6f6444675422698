"""The column type `date`: a point in time to the second, null where it is missing.

Typed it is a timestamp without a zone. A time that has a zone is taken to UTC, and a fraction of a
second is cut off. Days are those of the proleptic Gregorian calendar, from 0001-01-01 to
9999-12-31. How a text is read is stated, never guessed: 01/02/2024 is two days.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns.columns import Bad, Line, Unreadable
from kinds.columns.missing import NAT, without_blanks
from kinds.columns.numerals import NUMBER
from kinds.columns.texts import text
from kinds.datetimes import HIGHEST, LETTERS_OF_MONTH, LOWEST, MISSING, MONTHS, Format
from kinds.lists import one_each
from kinds.tensors import Element

if TYPE_CHECKING:
    from kinds.columns import Field

Whole = npt.NDArray[np.int64]
Which = npt.NDArray[np.bool_]

_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# Those that count from 1970-01-01, and how many of them are a second.
_COUNTED = {"seconds": 1, "milliseconds": 1_000}
_ZONE = r"(?:[Zz]| ?UTC|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)"
_SECOND = r"(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?"
_CLOCK = rf"[Tt ](?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}}){_SECOND}"
_EASY_CLOCK = rf" (?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}}){_SECOND}(?: ?(?P<half>[AaPp])[Mm])?"
_ISO = rf"^(?P<Y>[0-9]{{4}})-(?P<M>[0-9]{{2}})-(?P<D>[0-9]{{2}})(?:{_CLOCK}{_ZONE}?)?$"
_USUAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}:[0-9]{2})?$"
_DIGITS = r"^(?P<Y>[0-9]{4})(?P<M>[0-9]{2})(?P<D>[0-9]{2})$"
# A day of the week may stand in front; what stands between is a space or one of a few signs.
_NAMED = "|".join(f"{name[:3]}(?:{name[3:]})?" for name in MONTHS).replace("sep(?:", "sept?(?:")
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]? )?"
_AFTER_DAY = (
    r"(?:(?:,? |:|T)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    rf"{_SECOND}(?: ?(?P<half>[ap])m)?(?: ?GMT)?(?: ?{_ZONE})?)?"
)
_FIELDS = {"Y": "(?P<Y>[0-9]{4})", "M": "(?P<M>[0-9]{1,2})", "D": "(?P<D>[0-9]{1,2})"}


def _pattern(form: str) -> str:
    """Of a form such as D/M/Y, with a time of day or without."""
    day = "".join(_FIELDS.get(letter) or re.escape(letter) for letter in form)
    return f"^{day}(?:{_EASY_CLOCK})?$"


def _with_name(form: str) -> str:
    """Of D Mon Y or Mon D Y, whose months are English words or their first three letters."""
    fields = {"D": _FIELDS["D"], "Mon": rf"(?P<Mon>{_NAMED})[.]?", "Y": _FIELDS["Y"]}
    between = r"(?:, ?|[ /-])"
    day = between.join(fields[part] for part in form.split())
    return f"(?i)^{_WEEKDAY}{day}{_AFTER_DAY}$"


FORMATS: tuple[str, ...] = get_args(Format)
_WRITTEN = {form: _pattern(form) for form in FORMATS if form not in _COUNTED}
_WRITTEN |= {"iso": _ISO, "YMD": _DIGITS}
_WRITTEN |= {form: _with_name(form) for form in FORMATS if "Mon" in form}


def on_a_line() -> Line:
    return _days


def typed(column: pa.Array, field: "Field") -> tuple[pa.Array, list[Bad]]:
    """Points in time of texts, of days and timestamps of every unit, and of numbers where the
    format is one of numbers. Raises Unreadable."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        seconds, bad = _native(column)
    elif field.dates in _COUNTED:
        seconds, bad = _counted(column, _COUNTED[field.dates])
    else:
        said = _texts(column, field.dates)
        found = _at_once(said) if field.dates == "iso" else None
        seconds, bad = _written(said, _WRITTEN[field.dates]) if found is None else found
    missing = seconds == MISSING
    outside = ~missing & ((seconds < LOWEST) | (seconds > HIGHEST))
    made = pa.array(seconds, pa.int64(), mask=missing | outside | bad)
    return made.cast(arrow()), [Bad("not_a_date", np.flatnonzero(bad | outside))]


def _native(column: pa.Array) -> tuple[Whole, Which]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("s"))
    return _counts(column.cast(pa.int64()), _UNITS[column.type.unit])


def _counts(whole: pa.Array, in_a_second: int) -> tuple[Whole, Which]:
    """Seconds of int64, MISSING where there is none."""
    missing = whole.is_null().to_numpy(zero_copy_only=False)
    seconds = np.where(missing, MISSING, _filled(whole) // in_a_second)
    return seconds, np.zeros(len(whole), bool)


def _counted(column: pa.Array, in_a_second: int) -> tuple[Whole, Which]:
    """Numbers, or texts of them. Whole ones are never made floats."""
    kind = column.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return _counts(column.cast(pa.int64()), in_a_second)
    if pa.types.is_string(kind):
        said = _there(column)
        is_number = pc.match_substring_regex(said, NUMBER)
        column = pc.utf8_ltrim(pc.if_else(is_number, said, None), "+")
        bad = pc.fill_null(pc.invert(is_number), False).to_numpy(zero_copy_only=False)
    elif pa.types.is_floating(kind) or pa.types.is_decimal(kind) or kind == pa.uint64():
        bad = np.zeros(len(column), bool)
    else:
        raise Unreadable
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    seconds = np.floor(numbers / in_a_second)
    inside = (seconds >= LOWEST) & (seconds <= HIGHEST)
    bad |= ~inside & ~np.isnan(seconds)
    return np.where(inside, seconds, MISSING).astype(np.int64), bad


def _texts(column: pa.Array, form: str) -> pa.Array:
    """Eight digits may be a number; nothing else that is no text is a date."""
    if not pa.types.is_string(column.type):
        is_float = pa.types.is_floating(column.type)
        if form != "YMD" or not (is_float or pa.types.is_integer(column.type)):
            raise Unreadable
        column = text(column)
    return _there(column)


def _there(texts: pa.Array) -> pa.Array:
    said = without_blanks(texts)
    return pc.if_else(pc.match_substring_regex(said, NAT), None, said)


def _at_once(said: pa.Array) -> tuple[Whole, Which] | None:
    """The same as `_written`, many times as fast, where all texts are days or full times that the
    calendar has; otherwise None."""
    if not pc.all(pc.match_substring_regex(said, _USUAL)).as_py():
        return None
    try:
        return _native(said.cast(pa.timestamp("s")))
    except pa.ArrowInvalid:
        return None


def _written(said: pa.Array, pattern: str) -> tuple[Whole, Which]:
    """Seconds since 1970, MISSING where a text is; and which texts are no point in time."""
    parts = pc.extract_regex(said, pattern)
    names = [part.name for part in parts.type]
    missing = said.is_null().to_numpy(zero_copy_only=False)
    bad = parts.is_null().to_numpy(zero_copy_only=False) & ~missing

    def numbers(name: str) -> Whole:
        if name not in names:
            return np.zeros(len(said), np.int64)
        digits = pc.struct_field(parts, name)
        return _filled(pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()))

    def are(name: str, *letters: str) -> Which:
        if name not in names:
            return np.zeros(len(said), bool)
        found = pc.is_in(pc.struct_field(parts, name), pa.array(letters))
        return found.to_numpy(zero_copy_only=False)

    month = _months(pc.struct_field(parts, "Mon")) if "Mon" in names else numbers("M")
    months = (numbers("Y") - 1970) * 12 + month - 1
    first = months.astype("datetime64[M]").astype("datetime64[D]")
    days = first + (numbers("D") - 1)
    exists = (days.astype("datetime64[M]").astype(np.int64) == months) & (numbers("Y") > 0)
    exists &= (month > 0) & (month < 13)
    hour, minute, second = numbers("hour"), numbers("minute"), numbers("second")
    before, after = are("half", "A", "a"), are("half", "P", "p")
    exists &= ~(before | after) | ((hour > 0) & (hour < 13))
    hour = np.where(before | after, hour % 12 + 12 * after, hour)
    exists &= (hour < 24) & (minute < 60) & (second < 60)
    zone = numbers("zone_hour") * 60 + numbers("zone_minute")
    exists &= (numbers("zone_hour") < 24) & (numbers("zone_minute") < 60)
    offset = np.where(are("sign", "-"), -zone, zone)
    seconds = days.astype(np.int64) * 86_400 + hour * 3600 + (minute - offset) * 60 + second
    bad |= ~exists & ~missing
    return np.where(missing | bad, MISSING, seconds), bad


def _months(names: pa.Array) -> Whole:
    """1 to 12; 0 where a name is missing."""
    short = pc.utf8_lower(pc.utf8_slice_codeunits(names, 0, LETTERS_OF_MONTH))
    known = pa.array([name[:LETTERS_OF_MONTH] for name in MONTHS])
    return _filled(pc.index_in(short, known).cast(pa.int64())) + pc.is_valid(names).to_numpy(
        zero_copy_only=False
    )


def _filled(column: pa.Array) -> Whole:
    whole: Whole = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    return whole


def wanted() -> str:
    return "date"


def arrow() -> pa.DataType:
    return pa.timestamp("s")


def is_list() -> bool:
    return False


def element() -> Element:
    return "int64"


def seconds_of(column: pa.Array) -> Whole:
    """A typed column as seconds since 1970-01-01 00:00, MISSING where one is."""
    whole: Whole = pc.fill_null(column.cast(pa.int64()), MISSING).to_numpy(zero_copy_only=False)
    return whole


def _days(column: pa.Array) -> npt.NDArray[np.float32]:
    """Whole days since 1970-01-01, NaN where the date is missing."""
    seconds = seconds_of(column)
    return np.where(seconds == MISSING, np.nan, seconds // 86_400).astype(np.float32)


def fed(column: pa.Array, length: int) -> npt.NDArray[np.generic]:
    return seconds_of(column)


def is_split_in_file() -> bool:
    return False


def raw(column: pa.Array) -> pa.Array:
    return one_each(pa.array(seconds_of(column)))


def hard_cells() -> Mapping[str, Sequence[Any]]:
    return {
        "missing_dates": [None] * 4,
        "first_dates": (LOWEST, LOWEST + 86_399, -1, 0),
        "last_dates": (HIGHEST, HIGHEST - 86_400, 2**31, 4_107_542_400),
        "leap_days": (951_782_400, 951_868_800, -2_203_977_600, 1_709_251_199),
    }
