"""Lists of texts in the transform graph."""

from typing import Any

import tensorflow as tf


def last(lists: Any, length: int) -> Any:
    """The last `length` of each ragged list, oldest first."""
    index = tf.ragged.range(lists.row_lengths()).flat_values
    first = tf.repeat(lists.row_lengths() - length, lists.row_lengths())
    return tf.ragged.boolean_mask(lists, lists.with_flat_values(index >= first))
