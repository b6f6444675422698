"""Of a head that gives no answers with a stated coverage."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from kinds.heads.any.metrics import Array, Rows, Totals

if TYPE_CHECKING:
    from kinds.heads.coverage import Limit, Shape
    from kinds.heads.score import FileHead


def strangeness(rows: Rows, shape: "Shape") -> None:
    return None


def penalties() -> Sequence[float]:
    return ()


def sizes(found: Array, limit: "Limit", shape: "Shape") -> Array:
    return np.zeros(len(found))


def columns(head: "FileHead") -> dict[str, pa.DataType]:
    return {}


def answers(
    head: "FileHead", found: Mapping[str, Array], limit: "Limit", shape: "Shape"
) -> dict[str, Array]:
    return {}


def threshold(rows: Rows, weights: Array, aim: Any) -> None:
    return None


def reached(rows: Rows, weights: Array, threshold: float) -> dict[str, float]:
    return {}


def add_reached(totals: Totals, rows: Rows, weights: Array, threshold: float) -> None:
    return None


def decision(head: "FileHead") -> dict[str, pa.DataType]:
    return {}


def decided(head: "FileHead", found: Mapping[str, Array], threshold: float) -> dict[str, Array]:
    return {}


def script() -> Path:
    return Path(__file__).with_name("answers.js")
