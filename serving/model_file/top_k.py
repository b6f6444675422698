"""The number of best labels that somebody asks for, checked."""

from typing import Any

import numpy as np

from pipeline.failures import Exit, Failure

MOST_LABELS = 2**31 - 1


def checked_top_k(top_k: Any) -> int | None:
    """Raises Failure 2 for what is no number of labels.

    >>> checked_top_k(np.int32(3)), checked_top_k(None)
    (3, None)
    """
    if top_k is None:
        return None
    is_count = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
    if not is_count or not 1 <= top_k <= MOST_LABELS:
        rule = f"top_k must be a whole number from 1 to {MOST_LABELS:,}"
        raise Failure(Exit.USAGE, rule, received=repr(top_k)[:40])
    return int(top_k)
