"""Points in time as whole seconds, and the calendar by whole-number arithmetic.

Seconds count from 1970-01-01 00:00, before it they are negative. MISSING, which is also NumPy's
NaT, stands for none; so does everything beyond the years 1 to 9999. Standard library only.
"""

from typing import Any, Literal

Format = Literal[
    "iso",
    "seconds",
    "milliseconds",
    "D/M/Y",
    "M/D/Y",
    "Y/M/D",
    "D.M.Y",
    "M.D.Y",
    "Y.M.D",
    "D-M-Y",
    "M-D-Y",
    "Y-M-D",
    "YMD",
    "D Mon Y",
    "Mon D Y",
]
"""How a text says a date."""

MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
LETTERS_OF_MONTH = 3
LOWEST, HIGHEST = -62_135_596_800, 253_402_300_799
MISSING = -(2**63)
# The days from 0001-01-01, a Monday, to 1970-01-01.
DAYS_BEFORE = 719_162
_DAYS_OF_400_YEARS, _DAYS_FROM_MARCH = 146_097, 306


def calendar(since: Any) -> dict[str, Any]:
    """The calendar at some seconds since 0001-01-01 00:00, none of them negative.

    months, days of the month and weekdays count from 0, weekdays from Monday on; `days` are
    those since 0001-01-01. It takes whatever has +, -, *, // and %: numbers, arrays, tensors, and
    the nodes of an exported file. The way is Howard Hinnant's (chrono-Compatible Low-Level Date
    Algorithms): a year begins in March, so that a leap day is its last.

    >>> calendar(63_844_761_600)
    {'year': 2024, 'month': 1, 'day': 28, 'weekday': 3, 'hour': 0, 'days': 738944}
    """
    days = since // 86_400
    from_march = days + _DAYS_FROM_MARCH
    era = from_march // _DAYS_OF_400_YEARS
    at = from_march - era * _DAYS_OF_400_YEARS
    year = (at - at // 1_460 + at // 36_524 - at // 146_096) // 365
    at = at - (year * 365 + year // 4 - year // 100)
    month = (at * 5 + 2) // 153
    is_next_year = month // 10
    return {
        "year": year + era * 400 + is_next_year,
        "month": month + 2 - is_next_year * 12,
        "day": at - (month * 153 + 2) // 5,
        "weekday": days % 7,
        "hour": since % 86_400 // 3_600,
        "days": days,
    }
