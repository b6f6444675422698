"""A window of time: of files of rows, such as one a day, those that reach into the last days.

A file is in or out as a whole, so what is prepared is what would be without the other files: counts
and memories of all that is left, of which a cache holds what it held before.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinds.columns import Field, cast
from pipeline import rows
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields, time_column
from pipeline.rows.csv_dialect import Csv
from pipeline.sides.times import CLOCK, time_field, time_text, times_of
from pipeline.spec import Split
from pipeline.storage import stores

_SAID = re.compile(r"(?:(?P<column>.+)=)?(?P<number>[0-9]+)(?P<unit>[hdw])")
_HOURS = {"h": 1, "d": 24, "w": 7 * 24}
_MICROSECONDS_OF_AN_HOUR = 3_600_000_000
log = logging.getLogger("pipeline.prepare")


@dataclass(frozen=True)
class Window:
    """The last `microseconds` before the newest row; `column` says when, None the split's own."""

    microseconds: int
    column: str | None = None


def window_of(text: str) -> Window:
    """Raises ValueError for anything but a number of hours, days or weeks.

    >>> window_of("90d").microseconds // 86_400_000_000, window_of("sold on=2w").column
    (90, 'sold on')
    """
    found = _SAID.fullmatch(text)
    if found is None or int(found["number"]) < 1:
        rule = "must be a number of hours, days or weeks, such as 36h, 90d, 12w or COLUMN=90d"
        raise ValueError(f"{rule}. Received: {text}")
    hours = int(found["number"]) * _HOURS[found["unit"]]
    return Window(hours * _MICROSECONDS_OF_AN_HOUR, found["column"])


def within(
    paths: Sequence[str], window: Window, split: Split, fields: Fields, csv: Csv
) -> list[str]:
    """The files whose newest row is in the window. Raises Failure 2 where rows have no time."""
    column = window.column or time_column(split)
    if column is None:
        rule = "--window needs a split by time or by last, or the column: --window COLUMN=90d"
        raise Failure(Exit.USAGE, rule, received=f"a split by {split.by}")
    if tables := [path for path in paths if stores.is_table(path)]:
        raise Failure(Exit.USAGE, "--window chooses among files", received=tables[0])
    field = time_field(fields.all(), column) or Field(column, "text")
    newest = {path: _newest(path, field, csv) for path in paths}
    there = [at for at in newest.values() if at is not None]
    if not there:
        rule = f"--window: a row must have a day or a time in the column {column!r}"
        raise Failure(Exit.USAGE, rule, received="none")
    begins = max(there) - window.microseconds
    kept = [path for path, at in newest.items() if at is not None and at > begins]
    said = "prepare: the window begins after %s: %s of %s files reach into it"
    log.info(said, time_text(begins, CLOCK), f"{len(kept):,}", f"{len(paths):,}")
    return kept


def _newest(path: str, field: Field, csv: Csv) -> int | None:
    """When the newest row of a file was, in microseconds; None where no row has a time."""
    found = None
    for raw in rows.read(path, [field.column], csv=csv):
        typed, _, _ = cast(raw.rows, [field])
        times = times_of(typed.column(0))
        at = times.at[times.kind == CLOCK]
        if len(at):
            found = max(int(np.max(at)), found if found is not None else int(at[0]))
    return found
