"""Numbers on their scale. Numpy only."""

import numpy as np
import numpy.typing as npt

from kinds.prepare import Known

Floats = npt.NDArray[np.float32]


def curved(scale: str | None, numbers: Floats) -> Floats:
    """Numbers on a logarithmic scale where that is asked for, their signs kept."""
    if scale != "log":
        return numbers
    return np.sign(numbers) * np.log1p(np.abs(numbers))


def scaled(scale: str, numbers: Floats, known: Known) -> Floats:
    """Numbers on their scale, NaN where one is missing."""
    return (curved(scale, numbers) - known.mean) / known.std
