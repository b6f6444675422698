"""Numbers that measure or count: how sure, how they are written, and on which scale."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kinds.looks import ids
from kinds.looks.column import Column
from kinds.looks.look import Look


def measure(column: Column) -> Look | None:
    """Numbers, by their logarithm where a few are far above the others."""
    rows, form = column.row_numbers, column.form
    if rows is None or form is None or column.said or column.is_time:
        return None
    rows = rows[np.isfinite(rows)]
    if not len(rows):
        return None
    verdict = ids.verdict(column)
    against = verdict.of_ids if verdict is not None else ""
    sure = 0.3 if verdict is not None and verdict.are_ids else 0.8
    log = rows.min() >= 0 and rows.mean() > 2 * max(float(np.median(rows)), 1e-9)
    reason = f"numbers, {form.said}" if form.said else "numbers"
    if log:
        reason += " from 0 up, a few of them far above the others"
    if verdict is not None and verdict.of_numbers and sure > 0.5:
        reason += f" ({verdict.of_numbers})"
    reason += said_missing(column, form.words)
    settings: dict[str, Any] = {"format": form.settings} if form.settings else {}
    settings |= {"scale": "log"} if log else {}
    return Look(sure, reason, against, settings, missing_words=form.words)


def said_missing(column: Column, words: Sequence[str]) -> str:
    """How many cells have words for a missing value, as the end of a reason; empty without any."""
    shown = " and ".join(map(repr, words[:3]))
    said = f"; {percent(column.absent)} of the rows say {shown}, which counts as missing"
    return said if words else ""


def percent(share: float) -> str:
    """
    >>> percent(0.254), percent(0.0004)
    ('25.4%', 'less than 0.1%')
    """
    return f"{share:.1%}" if share >= 0.001 or share == 0 else "less than 0.1%"
