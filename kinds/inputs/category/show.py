"""A category, shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kinds.inputs.category.looks import could_be as could_be
from kinds.inputs.ids.show import missing as missing
from kinds.inputs.ids.show import popular, worths

if TYPE_CHECKING:
    from kinds.inputs.category.spec import Category


def lines(part: "Category") -> list[str]:
    return [f"one {part.vocabulary}"]


def made_up(
    part: "Category", texts: Sequence[str], count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    ids = popular(len(texts), count, random)
    gaps = random.random(count) < missing
    return pa.array(np.array(texts)[ids], mask=gaps), np.where(gaps, 0.0, worths(texts)[ids])
