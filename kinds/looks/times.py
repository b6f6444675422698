"""Texts that are days or times, in the forms that tables have them."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_YEAR, _MONTH, _DAY = r"(1[5-9]|20)[0-9]{2}", r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12][0-9]|3[01])"
_CLOCK = r"[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?( ?(?i:am|pm))?"
_ZONE = r"( ?(Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
_NAMED = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_REST = rf"([ T,]+{_CLOCK}{_ZONE})?$"
# Seconds since 1970 from 1985 to 2050.
_EPOCH = (473_385_600, 2_524_608_000)


@dataclass(frozen=True)
class Form:
    """How days or times are written: for a person, by pattern, and as strptime reads the day."""

    said: str
    pattern: str
    day: str
    letters: int = 10


FORMS = (
    Form("days as 2024-01-31", rf"^{_YEAR}-{_MONTH}-{_DAY}$", "%Y-%m-%d"),
    Form("times as 2024-01-31 10:05", rf"^{_YEAR}-{_MONTH}-{_DAY}{_REST}", "%Y-%m-%d"),
    Form("days as 2024/01/31", rf"^{_YEAR}/{_MONTH}/{_DAY}{_REST}", "%Y/%m/%d"),
    Form("days as 31.01.2024", rf"^{_DAY}\.{_MONTH}\.{_YEAR}{_REST}", "%d.%m.%Y"),
    Form("days as 31/01/2024", rf"^{_DAY}[/-]{_MONTH}[/-]{_YEAR}{_REST}", "%d/%m/%Y"),
    Form("days as 01/31/2024", rf"^{_MONTH}[/-]{_DAY}[/-]{_YEAR}{_REST}", "%m/%d/%Y"),
    Form("days as 20240131", r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$", "%Y%m%d", 8),
    Form("days as 31-Jan-2024", rf"^{_DAY}[ -]{_NAMED}[ ,-]*{_YEAR}{_REST}", ""),
    Form("days as Jan 31, 2024", rf"^{_NAMED}[ -]{_DAY}[ ,-]+{_YEAR}{_REST}", ""),
    Form("months as 2024-01", rf"^{_YEAR}-(0[1-9]|1[0-2])$", ""),
    Form("times of day as 10:05", rf"^{_CLOCK}$", ""),
)
# Half of these may be ids as well.
UNSURE = ("days as 20240131",)


def form_of(values: pa.Array) -> Form | None:
    """The first form that all of the texts have."""
    if not len(values):
        return None
    fitting = (form for form in FORMS if re.search(form.pattern, values[0].as_py()))
    for form in fitting:
        if pc.all(pc.match_substring_regex(values, form.pattern)).as_py():
            return form
    return None


def are_epochs(numbers: np.ndarray) -> bool:
    """Whether numbers may be seconds, milliseconds and so on since 1970."""
    if not len(numbers):
        return False
    low, high = float(numbers.min()), float(numbers.max())
    return any(_EPOCH[0] * unit <= low and high <= _EPOCH[1] * unit for unit in (1, 1e3, 1e6, 1e9))


def rising(texts: pa.Array, form: Form) -> np.ndarray | None:
    """Numbers that rise as time does, NaN where there is none; None where the form has no order.

    >>> rising(pa.array(["2024-01-31 10:05", None]), FORMS[1]) > 1.7e9
    array([ True, False])
    """
    if not form.day:
        return None
    said = pc.replace_substring_regex(texts, "[T ,].*$", "")
    said = pc.replace_substring(said, "-", "/") if "/" in form.day else said
    days = pc.strptime(said, form.day, "s", error_is_null=True).cast(pa.int64())
    clock = pc.extract_regex(texts, r"[ T](?P<h>[0-9]{1,2}):(?P<m>[0-9]{2}):?(?P<s>[0-9]{0,2})")
    seconds = days.cast(pa.float64())
    for part, size in (("h", 3600.0), ("m", 60.0), ("s", 1.0)):
        found = pc.struct_field(clock, part)
        found = pc.if_else(pc.equal(found, ""), None, found).cast(pa.float64())
        seconds = pc.add(seconds, pc.multiply(pc.fill_null(found, 0.0), size))
    return np.asarray(pc.fill_null(seconds, np.nan).to_numpy(zero_copy_only=False))
