"""Numbers on their scale, as tensors."""

from typing import Any

import tensorflow as tf

from kinds.prepare import Known


def scaled(scale: str, numbers: Any, known: Known) -> Any:
    """Numbers on their scale, NaN where one is missing."""
    return (_curved(scale, numbers) - known.mean) / known.std


def _curved(scale: str, numbers: Any) -> Any:
    return tf.sign(numbers) * tf.math.log1p(tf.abs(numbers)) if scale == "log" else numbers
