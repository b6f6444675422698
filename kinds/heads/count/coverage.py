"""Intervals around a rate with a stated coverage of the count.

A count is as strange as it is far from the rate in units of sqrt(rate + 1), about what a Poisson
count deviates by: a locally weighted interval (Lei et al. 2018, section 5.2), never below 0.
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
    return np.abs(rows["target"] - rows["value"]) / _deviation(rows["value"])


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return named(head, *_ends(found[head.outputs[0]], limit))


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    low, high = _ends(found, limit)
    return high - low


def script() -> Path:
    return Path(__file__).with_name("answers.js")


def _ends(rates: Array, limit: "Limit") -> tuple[Array, Array]:
    rate = rates.astype(np.float64)
    half = limit * _deviation(rate)
    return np.maximum(rate - half, 0), rate + half


def _deviation(rate: Array) -> Array:
    return np.asarray(np.sqrt(rate.astype(np.float64) + 1))
