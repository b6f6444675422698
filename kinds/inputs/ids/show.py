"""Inputs over a vocabulary, shown; made-up values, a few of them frequent."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kinds.inputs.ids.spec import IdsPart


def missing(part: "IdsPart") -> str:
    return "an id of its own"


def worths(texts: Sequence[str]) -> np.ndarray:
    """What each value is worth: float [values] of mean 0 and variance near 1."""
    worth: np.ndarray = np.sqrt(2) * np.sin(np.arange(len(texts)) * 2.4)
    return worth


def popular(values: int, count: int, random: np.random.Generator) -> np.ndarray:
    """int [count] ids below `values`, the first ones the most frequent."""
    weights = 1 / (np.arange(values) + 5.0)
    return random.choice(values, size=count, p=weights / weights.sum())
