"""A flag, shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.inputs.flag.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.flag.spec import Flag


def lines(part: "Flag") -> list[str]:
    return ["yes or no"]


def missing(part: "Flag") -> str:
    return "no, and a second feature says so" if part.says_missing else "the row is bad"


def made_up(
    part: "Flag", texts: Sequence[str], count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    cells = random.random(count) < 0.5
    worth = np.where(cells, 1.0, -1.0)
    if not part.says_missing:
        return pa.array(cells), worth
    gaps = random.random(count) < missing
    return pa.array(cells, mask=gaps), np.where(gaps, 0.0, worth)
