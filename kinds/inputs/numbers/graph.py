"""A number as tensors, with a flag beside it where it may be missing."""

from typing import Any

import tensorflow as tf

from kinds.graph import column
from kinds.inputs.numbers.naming import missing_flag


def features(name: str, numbers: Any, missing: Any) -> dict[str, Any]:
    """`missing` is None where no number may be missing."""
    made = {name: column(numbers)}
    if missing is None:
        return made
    return made | {missing_flag(name): column(tf.cast(missing, tf.float32))}
