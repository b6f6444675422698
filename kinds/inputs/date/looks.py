"""What speaks for a column being a date."""

from typing import Any

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
        settings["parts"] = ["month", "weekday", "days"]
    sure = _LESS_SURE if against else 0.85 if form == _EIGHT_DIGITS else _SURE
    return Look(sure, said, against, settings, missing_words=words)
