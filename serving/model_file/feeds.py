"""Typed rows (kinds.columns) to the arrays that an exported file takes."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns import Field


def feeds(
    typed: pa.RecordBatch, fields: Sequence[Field], lengths: Mapping[str, int]
) -> dict[str, npt.NDArray[np.generic]]:
    """One array per field, by the name of its typed column; `lengths` are those of the lists."""
    return {
        f.output: f.column_type.fed(typed.column(f.output), lengths.get(f.output, 1))
        for f in fields
    }
