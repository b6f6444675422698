"""What a memory says of a head's number, for batches of examples, as tensors."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from kinds.memory.averages.table import Remembered
from kinds.memory.key_tensors import looked_up

Features = Mapping[str, tf.Tensor]
# (features, the fold [batch] of each row) to float32 [batch, WIDTH]. Rows that were not counted
# are in fold FOLDS.
LookUp = Callable[[Features, tf.Tensor], tf.Tensor]


def look_up(memory: Remembered) -> LookUp:
    keys, averages = memory.keys, memory.averages
    values = tf.constant(np.append(averages.keys, np.iinfo(np.int64).max))
    unknown, said = tf.constant(len(averages.keys)), tf.constant(memory.table)

    def of_rows(features: Features, folds: tf.Tensor) -> tf.Tensor:
        key = looked_up(keys, features)
        at = tf.searchsorted(values, key)
        place = tf.where(tf.equal(tf.gather(values, at), key), at, unknown)
        return tf.gather_nd(said, tf.stack([tf.cast(folds, tf.int32), place], axis=1))

    return of_rows
