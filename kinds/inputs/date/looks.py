"""What speaks for a column being a date."""

from typing import Any

import numpy as np

from kinds.looks import times
from kinds.looks.column import Column
from kinds.looks.look import Look

_SURE, _LESS_SURE = 0.95, 0.6
_EIGHT_DIGITS = "YMD"


def could_be(column: Column) -> Look | None:
    """Days or points in time that are written alike, in a way that nothing else is."""
    points = column.points
    if points is None or column.said or column.is_list:
        return None
    if column.time is not None:
        form, said, against = column.time.format, column.time.said, column.time.unsure
    else:
        form = times.epoch_format(column.plain_numbers) if column.plain_numbers is not None else ""
        said, against = f"{form} since 1970", ""
    words = column.time.words if column.time is not None else ()
    settings: dict[str, Any] = {} if form == "iso" else {"format": form}
    if times.have_hours(points):
        said = said.replace("days as", "days with times as")
    else:
        settings["parts"] = _parts(points)
    sure = _LESS_SURE if against else 0.85 if form == _EIGHT_DIGITS else _SURE
    return Look(sure, said, against, settings, missing_words=words)


def _parts(points: np.ndarray) -> list[str]:
    """Those that say something of days: no month of yearly ones, and no weekday of a month or year
    that its first or last day stands for.

    >>> _parts(np.array([0.0, 86_400.0 * 365])), _parts(np.array([0.0, 86_400.0 * 31]))
    (['days'], ['month', 'days'])
    """
    days = np.unique(points[np.isfinite(points)]).astype("M8[s]").astype("M8[D]")
    one_place = any((day == day.astype("M8[M]")).all() for day in (days, days + 1))
    months = np.unique(days.astype("M8[M]").astype(np.int64) % 12)
    return ["month"] * (len(months) > 1) + ["weekday"] * (not one_place) + ["days"]
