"""Differences between an exported file and Keras, and what is allowed of them. NumPy only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# How far a result may be from what Keras gives, relative where it exceeds 1.
TOLERANCE = 1e-5
# Beyond this a float32 network itself is less exact than a tolerance: that grows in proportion.
EXACT_UP_TO = 10.0


@dataclass(frozen=True)
class Difference:
    """The largest difference; of labels also how many ranks hold another label that ties."""

    largest: float
    ties: int | None = None


def value_difference(got: Array, expected: Array, allowed: Array) -> float:
    """The largest difference, relative where values exceed 1; inf where one side is NaN."""
    if got.shape != expected.shape:
        return np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.maximum(1.0, np.abs(expected.astype(np.float64)))
        difference = np.abs(got.astype(np.float64) - expected) / scale / allowed
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    difference[same] = 0.0
    return float(np.max(np.nan_to_num(difference, nan=np.inf), initial=0.0))
