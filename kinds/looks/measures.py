"""Numbers that measure or count: how sure, and on which scale."""

import numpy as np

from kinds.looks import Column, Look, ids

# A word among numbers makes a row bad, and prepare ends where more than one in a hundred is.
_BAD = 0.005


def measure(column: Column) -> Look | None:
    """Numbers, by their logarithm where a few are far above the others."""
    rows = column.row_numbers
    if rows is None or column.said or column.is_time or not np.isfinite(rows).any():
        return None
    verdict = ids.verdict(column)
    against = verdict.of_ids if verdict is not None else ""
    sure = 0.3 if verdict is not None and verdict.are_ids else 0.8
    rows = rows[np.isfinite(rows)]
    log = rows.min() >= 0 and rows.mean() > 2 * max(float(np.median(rows)), 1e-9)
    reason = "numbers from 0 up, a few of them far above the others" if log else "numbers"
    if verdict is not None and verdict.of_numbers and sure > 0.5:
        reason += f" ({verdict.of_numbers})"
    if column.absent:
        word = column.form.word if column.form else ""
        what = f"{column.absent:.2%} of the rows say {word!r} instead of a number"
        if column.absent > _BAD:
            return Look(0.15, f"{reason}, but {what}; leave these cells empty", against)
        against = f"{against}; {what} and are left out" if against else f"{what} and are left out"
    return Look(sure, reason, against, {"scale": "log"} if log else {})
