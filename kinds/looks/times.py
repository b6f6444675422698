"""Texts that are days or times, in the forms that tables have them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field, cast
from kinds.looks.number_forms import say_none

_YEAR, _MONTH, _DAY = "[0-9]{4}", "(0?[1-9]|1[0-2])", "(0?[1-9]|[12][0-9]|3[01])"
_NAMED = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[.]?"
_WEEKDAY = "(?:(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]? )?"
_REST, _AFTER = "([T ,].*)?$", "([T :,].*)?$"
# Seconds since 1970 from 1985 to 2050.
_EPOCH = (473_385_600, 2_524_608_000)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Form:
    """How days or times are written: for a person, by a pattern, and as the format of a date, if it
    is one that can be read. `unsure` names what it may be instead, `words` say that there is no day
    or time."""

    said: str
    pattern: str
    format: str = ""
    unsure: str = ""
    words: tuple[str, ...] = ()


_LETTERS = {"Y": (_YEAR, "2024"), "M": (_MONTH, "01"), "D": (_DAY, "31")}


def _form(format: str) -> Form:
    """Of a format such as D/M/Y."""
    pattern = "".join(_LETTERS.get(letter, (re.escape(letter), ""))[0] for letter in format)
    said = "".join(_LETTERS.get(letter, ("", letter))[1] for letter in format)
    return Form(f"days as {said}", f"^{pattern}{_REST}", format)


FORMS = (
    Form("days as 2024-01-31", f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}{_REST}", "iso"),
    *map(_form, ("Y/M/D", "Y.M.D", "D.M.Y", "D/M/Y", "D-M-Y", "M/D/Y", "M-D-Y", "M.D.Y")),
    Form("days as 20240131", "^(19|20)[0-9]{6}$", "YMD"),
    Form("days as 31-Jan-2024", f"^{_WEEKDAY}{_DAY}[ /-]{_NAMED}[ ,/-]*{_YEAR}{_AFTER}", "D Mon Y"),
    Form(
        "days as Jan 31, 2024", f"^{_WEEKDAY}{_NAMED}[ /-]{_DAY}[ ,/-]+{_YEAR}{_AFTER}", "Mon D Y"
    ),
    # What is no version, such as 3.11.2.
    Form("days as 31/01/24", f"^({_DAY}/{_DAY}/|[0-3][0-9][.-][0-3][0-9][.-])[0-9]{{2}}([ ,].*)?$"),
    Form("months as 2024-01", f"^{_YEAR}-(0[1-9]|1[0-2])$"),
    Form(
        "times of day as 10:05", "^[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?( ?(?i:am|pm))?$"
    ),
)
_OTHER_WAY = {"D/M/Y": "M/D/Y", "D-M-Y": "M-D-Y", "D.M.Y": ""}


def form_of(values: pa.Array) -> Form | None:
    """The first form that all of the texts have but for words such as NA.

    >>> form_of(pa.array(["2024-01-31", "NA", "2023-12-01"])).words
    ('NA',)
    """
    absent = say_none(values)
    there = values.filter(pc.invert(absent))
    if 2 * len(there) < len(values):
        return None
    fitting = _fitting(there)
    form = next(fitting, None)
    if form is None:
        return None
    other = next((one for one in fitting if one.format == _OTHER_WAY.get(form.format)), None)
    unsure = f"no day is beyond 12, so they may be {other.format}" if other else ""
    words = tuple(values.filter(absent).to_pylist())
    return Form(form.said, form.pattern, form.format, unsure, words)


def _fitting(values: pa.Array) -> Iterator[Form]:
    first = values[0].as_py() if len(values) else ""
    for form in FORMS:
        if not re.search(form.pattern, first):
            continue
        if pc.all(pc.match_substring_regex(values, form.pattern)).as_py() and (
            not form.format or points(values, form.format) is not None
        ):
            yield form


def points(texts: pa.Array, format: str, words: tuple[str, ...] = ()) -> np.ndarray | None:
    """Seconds since 1970 of each text, NaN where there is none or one of the `words`; None where
    one is no date.

    >>> points(pa.array(["2024-01-31 10:05", ""]), "iso")
    array([1.7066955e+09,           nan])
    """
    rows = pa.RecordBatch.from_arrays([texts], names=["x"])
    typed, _, bad = cast(rows, [Field("x", "date", dates=format, missing_words=words)])
    if bad:
        return None
    seconds = typed.column(0).cast(pa.timestamp("s")).cast(pa.int64()).cast(pa.float64())
    return np.asarray(pc.fill_null(seconds, np.nan).to_numpy(zero_copy_only=False))


def have_hours(seconds: np.ndarray) -> bool:
    """Whether points in time are more than days."""
    return bool((seconds[np.isfinite(seconds)] % _DAY_SECONDS != 0).any())


def epoch_format(numbers: np.ndarray) -> str:
    """How numbers count from 1970 on, if they may: in `seconds`, `milliseconds`, or smaller."""
    if not len(numbers):
        return ""
    low, high = float(numbers.min()), float(numbers.max())
    for name, unit in (("seconds", 1), ("milliseconds", 1e3), ("smaller", 1e6), ("smaller", 1e9)):
        if _EPOCH[0] * unit <= low and high <= _EPOCH[1] * unit:
            return name
    return ""
