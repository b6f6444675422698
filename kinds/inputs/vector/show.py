"""A vector, shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.inputs.vector.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.vector.spec import VectorInput


def lines(part: "VectorInput") -> list[str]:
    return [f"{part.width} numbers, {part.scale}"]


def missing(part: "VectorInput") -> str:
    return "zeros, and a second feature says so" if part.says_missing else "the row is bad"


def made_up(
    part: "VectorInput",
    texts: Sequence[str],
    count: int,
    missing: float,
    random: np.random.Generator,
) -> tuple[pa.Array, np.ndarray]:
    """What a vector is worth is the sum of its numbers."""
    numbers = random.standard_normal((count, part.width))
    worth = numbers.sum(axis=1) / np.sqrt(part.width)
    gaps = random.random(count) < (missing if part.says_missing else 0.0)
    ends = pa.array(np.arange(count + 1) * part.width, pa.int32())
    cells = pa.ListArray.from_arrays(ends, pa.array(numbers.reshape(-1)), mask=pa.array(gaps))
    return cells, np.where(gaps, 0.0, worth)
