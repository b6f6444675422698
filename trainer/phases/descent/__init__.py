"""What the three ways down have in common: an objective, and where a descent ended.

Everything is float64 and numpy; a block of shared weights is a few thousand numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
# A point to the value there and the gradient, both finite or not.
Objective = Callable[[Vector], tuple[float, Vector]]

# A step has to gain at least this share of what the slope promises (Armijo 1966).
SUFFICIENT_DECREASE = 1e-4


@dataclass(frozen=True)
class Descent:
    """Where a descent ended, and how it got there.

    `values` are the objective at the start and after each accepted step; they never rise.
    `skipped_pairs` belongs to L-BFGS, `curvatures` (how often one was
    taken), `damping` and `gain_ratio` to K-FAC.
    """

    point: Vector
    values: tuple[float, ...]
    evaluations: int
    step_lengths: tuple[float, ...]
    first_gradient: float
    last_gradient: float
    skipped_pairs: int = 0
    curvatures: int = 0
    damping: float | None = None
    gain_ratio: float | None = None


def largest(gradient: Vector) -> float:
    """The largest absolute entry."""
    return float(np.abs(gradient).max())


def is_finite(value: float, gradient: Vector) -> bool:
    return bool(np.isfinite(value) and np.isfinite(gradient).all())
