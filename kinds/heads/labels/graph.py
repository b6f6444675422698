"""The ids of labels, as tensors."""

from typing import Any

import tensorflow as tf

from kinds.graph import MISSING
from kinds.heads.labels import numbering


def with_missing(texts: Any, ids: Any) -> Any:
    """The id of each label, -1 where the target is missing."""
    return tf.where(texts == MISSING, tf.constant(numbering.MISSING, tf.int64), ids)
