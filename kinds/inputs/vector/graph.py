"""A vector in the transform graph."""

from typing import Any

import numpy as np
import tensorflow as tf

from kinds.graph import column
from kinds.inputs.numbers.naming import missing_flag
from kinds.inputs.vector.spec import LIMIT, VectorInput
from kinds.prepare import Known


def features(name: str, part: VectorInput, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    """`raw` is ragged: no numbers where the vector is missing."""
    missing = tf.equal(raw.row_lengths(), 0)
    numbers = raw.to_tensor(default_value=np.nan, shape=[None, part.width])
    if part.scale == "standard":
        numbers = (numbers - known.mean) / known.std
    numbers = tf.where(missing[:, None], 0.0, numbers)
    if part.scale == "standard":
        numbers = tf.clip_by_value(numbers, -LIMIT, LIMIT)
    flag = {missing_flag(name): column(tf.cast(missing, tf.float32))} if part.says_missing else {}
    return {name: numbers} | flag
