"""The ids that an input offers, of features as tensors."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from kinds.inputs.keys import Key


def ids_of(key: Key, features: Mapping[str, Any]) -> Any:
    """int64 [batch]: the id of each row's value; the number of values for any other."""
    other, ids = tf.constant(key.values, tf.int64), features[key.feature]
    if key.place is None:
        ids = tf.cast(tf.reshape(ids, [-1]), tf.int64)
    else:
        is_there = ids.row_lengths() >= key.place
        places = tf.where(is_there, ids.row_limits() - key.place + 1, 0)
        ids = tf.gather(tf.concat([[other], ids.flat_values], axis=0), places)
    if key.missing_flag is not None:
        is_missing = tf.equal(tf.reshape(features[key.missing_flag], [-1]), 1.0)
        ids = tf.where(is_missing, other, ids)
    return tf.minimum(ids, other)
