"""Numbers that measure or count: how sure, how they are written, and on which scale."""

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
    if form.words:
        shown = " and ".join(map(repr, form.words[:3]))
        reason += f"; {column.absent:.1%} of the rows say {shown}, which counts as missing"
    settings: dict[str, Any] = {"format": form.settings} if form.settings else {}
    settings |= {"scale": "log"} if log else {}
    return Look(sure, reason, against, settings, missing_words=form.words)
