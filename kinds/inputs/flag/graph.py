"""A flag in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.inputs.flag.spec import Flag
from kinds.inputs.numbers import graph as numbers
from kinds.prepare import Known


def features(name: str, part: Flag, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    missing = tf.math.is_nan(raw)
    filled = tf.where(missing, 0.0, raw)
    return numbers.features(name, filled, missing if part.says_missing else None)
