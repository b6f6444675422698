"""The ids of an input over a vocabulary, as tensors."""

from typing import Any

import tensorflow as tf

from kinds.graph import MISSING
from kinds.inputs.ids.numbering import missing_id
from kinds.prepare import Known


def with_missing(texts: Any, ids: Any, known: Known) -> Any:
    """The id of each text, one of their own for missing ones."""
    is_missing = tf.logical_or(texts == b"", texts == MISSING)
    return tf.where(is_missing, tf.constant(missing_id(len(known.values)), tf.int64), ids)
