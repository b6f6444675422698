"""Origins: one number for each row of all files, which rises along them, with its side.

file * 2^42 + row * 4 + side: a million million rows a file, two million files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Origins = npt.NDArray[np.int64]
FILE_BITS, SIDE_BITS = 42, 2
IN_FILE = (1 << FILE_BITS) - 1


def origins(file: int, numbers: npt.NDArray[np.int64]) -> Origins:
    """Of rows of a file, on no side yet."""
    return (file << FILE_BITS) | (numbers << SIDE_BITS)


def side_of(origin: Origins) -> npt.NDArray[np.int64]:
    return origin & ((1 << SIDE_BITS) - 1)


def file_of(origin: Origins) -> npt.NDArray[np.int64]:
    return origin >> FILE_BITS


def place(origin: int, paths: Sequence[str]) -> dict[str, Any]:
    """The file and the row of an origin."""
    return {"file": paths[origin >> FILE_BITS], "row": (origin & IN_FILE) >> SIDE_BITS}
