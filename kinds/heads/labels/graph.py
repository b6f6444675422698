"""The ids of labels, as tensors."""

from typing import Any

import tensorflow as tf

from kinds.columns.columns import MISSING
from kinds.graph import LookUp
from kinds.heads.labels import numbering


def ids_of(texts: Any, look_up: LookUp) -> Any:
    """The id of each flat label, -1 where the target is missing."""
    missing = tf.constant(numbering.MISSING, tf.int64)
    return tf.where(texts == MISSING, missing, look_up(texts))
