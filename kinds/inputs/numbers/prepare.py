"""A number as features in Arrow, with a flag beside it where it may be missing."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.inputs.numbers.naming import missing_flag
from kinds.lists import one_each


def features(
    name: str, numbers: npt.NDArray[Any], missing: npt.NDArray[np.bool_] | None
) -> dict[str, pa.Array]:
    """`missing` is None where no number may be missing."""
    made = {name: _floats(numbers)}
    return made if missing is None else made | {missing_flag(name): _floats(missing)}


def _floats(values: npt.NDArray[Any]) -> pa.Array:
    return one_each(pa.array(values.astype(np.float32, copy=False)))


def feature_names(name: str, may_be_missing: bool) -> list[str]:
    return [name, missing_flag(name)] if may_be_missing else [name]
