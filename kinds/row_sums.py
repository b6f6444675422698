"""Sums of rows that share an id, as the gradients of tables and of labels need them.

On a CPU they are added where they belong, one after the other. On a GPU that would be either as
many writers at one place as an id occurs in the batch, in whatever order they come, or (with
deterministic operations) a loop over all rows, which was a hundred times slower than the rest of a
step. There the rows are sorted by id and added up in float64 as one running sum: a row of the
result is the difference of two places of it.
"""

import tensorflow as tf


def has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def sum_by_row(values: tf.Tensor, rows: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """values [n, ...] and the row [n] that each belongs to, to their sums [count, ...]."""
    if has_gpu():
        return _sorted_sums(values, tf.cast(rows, tf.int32), tf.cast(count, tf.int32))
    return tf.math.unsorted_segment_sum(values, rows, count)


def subtract_by_row(total: tf.Tensor, rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """total [count, ...] without the values [n, ...], each taken off its row [n]."""
    if has_gpu():
        return total - _sorted_sums(values, rows, tf.shape(total)[0])
    return tf.tensor_scatter_nd_sub(total, rows[:, None], values)


def _sorted_sums(values: tf.Tensor, rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    order = tf.argsort(rows, stable=True)
    running = tf.cumsum(tf.cast(tf.gather(values, order), tf.float64))
    running = tf.concat([tf.zeros_like(running[:1]), running], axis=0)
    starts = tf.searchsorted(tf.gather(rows, order), tf.range(count + 1))
    at_starts = tf.gather(running, starts)
    return tf.cast(at_starts[1:] - at_starts[:-1], values.dtype)
