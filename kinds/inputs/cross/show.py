"""A cross, shown."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kinds.looks.column import Column
from kinds.looks.look import Look

if TYPE_CHECKING:
    from kinds.inputs.cross.spec import Cross


def lines(part: "Cross") -> list[str]:
    return [f"{'pairs' if len(part.of) == 2 else 'triples'} of", *part.of]


def missing(part: "Cross") -> str:
    return "the unknown pair"


def could_be(column: Column) -> Look | None:
    return None


def made_up(
    part: "Cross", texts: Sequence[str], count: int, missing: float, random: np.random.Generator
) -> tuple[tuple[()], np.ndarray]:
    """No cells of its own; by itself it is worth nothing."""
    return (), np.zeros(count)
