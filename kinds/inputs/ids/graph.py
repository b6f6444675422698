"""The ids of an input over a vocabulary, as tensors."""

from typing import Any

import tensorflow as tf

from kinds.columns.columns import MISSING
from kinds.graph import LookUp
from kinds.inputs.ids.numbering import missing_id
from kinds.prepare import Known


def ids_of(texts: Any, look_up: LookUp, known: Known) -> Any:
    """The id of each flat text, one of their own for missing ones."""
    is_missing = tf.logical_or(texts == b"", texts == MISSING)
    missing = tf.constant(missing_id(len(known.values)), tf.int64)
    return tf.where(is_missing, missing, look_up(texts))
