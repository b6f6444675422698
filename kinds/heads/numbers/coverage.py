"""Intervals around a number with a stated coverage.

A value is as strange as it is far from the prediction (split conformal: Lei et al. 2018,
Distribution-Free Predictive Inference for Regression, JASA 113, section 2.2). Where the head learns
logarithms, they are compared, so that intervals are wider around greater numbers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.heads.any.coverage import penalties as penalties
from kinds.heads.any.metrics import Array, Rows

if TYPE_CHECKING:
    from kinds.heads.coverage import Limit, Shape
    from kinds.heads.score import FileHead


def strangeness(rows: Rows, shape: "Shape") -> Array:
    return np.abs(_line(rows["value"], shape) - _line(rows["target"], shape))


def columns(head: "FileHead") -> dict[str, pa.DataType]:
    return {f"{head.name}.low": pa.float32(), f"{head.name}.high": pa.float32()}


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return named(head, *_ends(found[head.outputs[0]], limit, shape))


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    low, high = _ends(found, limit, shape)
    return high - low


def script() -> Path:
    return Path(__file__).with_name("answers.js")


def _ends(values: Array, limit: "Limit", shape: "Shape") -> tuple[Array, Array]:
    at = _line(values, shape)
    return _own_unit(at - limit, shape), _own_unit(at + limit, shape)


def named(head: "FileHead", low: Array, high: Array) -> dict[str, Array]:
    return {
        f"{head.name}.low": low.astype(np.float32),
        f"{head.name}.high": high.astype(np.float32),
    }


def _line(values: Array, shape: "Shape") -> Array:
    values = values.astype(np.float64)
    return np.sign(values) * np.log1p(np.abs(values)) if shape.log else values


def _own_unit(values: Array, shape: "Shape") -> Array:
    return np.sign(values) * np.expm1(np.abs(values)) if shape.log else values
