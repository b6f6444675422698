"""Intervals from the outermost quantiles with a stated coverage.

A value is as strange as it is outside of them, and less than 0 inside (conformalized quantile
regression: Romano, Patterson and Candès 2019, arXiv:1905.03222, equation 6).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.any.coverage import add_reached as add_reached
from kinds.heads.any.coverage import decided as decided
from kinds.heads.any.coverage import decision as decision
from kinds.heads.any.coverage import penalties as penalties
from kinds.heads.any.coverage import reached as reached
from kinds.heads.any.coverage import threshold as threshold
from kinds.heads.any.metrics import Array, Rows
from kinds.heads.numbers.coverage import columns as columns
from kinds.heads.numbers.coverage import named

if TYPE_CHECKING:
    from kinds.heads.coverage import Limit, Shape
    from kinds.heads.score import FileHead


def strangeness(rows: Rows, shape: "Shape") -> Array:
    values, target = rows["value"], rows["target"]
    return np.maximum(values[:, 0] - target, target - values[:, -1])


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return named(head, *_ends(found[head.outputs[0]], limit))


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    low, high = _ends(found, limit)
    return high - low


def script() -> Path:
    return Path(__file__).with_name("answers.js")


def _ends(values: Array, limit: "Limit") -> tuple[Array, Array]:
    """A limit far below 0 would turn an interval around: then it is the middle of the two."""
    values = values.astype(np.float64)
    low, high = values[:, 0] - limit, values[:, -1] + limit
    middle = (low + high) / 2
    return np.minimum(low, middle), np.maximum(high, middle)
