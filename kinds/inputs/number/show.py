"""A number, shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.inputs.number.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.number.spec import Number


def lines(part: "Number") -> list[str]:
    pieces = "" if part.pieces is None else f", and its place among {part.pieces} pieces"
    return [f"number, {part.scale}{pieces}"]


def missing(part: "Number") -> str:
    if part.buckets is not None:
        return "an id of its own"
    return "the mean" if part.missing is None else str(part.missing)


def made_up(
    part: "Number", texts: Sequence[str], count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    worth = random.standard_normal(count)
    match part.scale:
        case "log":
            cells = np.exp(3 + worth)
        case "none":
            cells = worth
        case "standard" | "buckets":
            cells = 40 + 12 * worth
    if part.missing == "reject":
        return pa.array(cells), worth
    gaps = random.random(count) < missing
    return pa.array(cells, mask=gaps), np.where(gaps, 0.0, worth)
