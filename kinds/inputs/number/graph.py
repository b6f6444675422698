"""A number in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.graph import column
from kinds.inputs.number.spec import LIMIT, Number, cuts_of
from kinds.inputs.numbers import graph as numbers
from kinds.inputs.numbers.naming import place_of
from kinds.prepare import Known
from kinds.scaling.graph import scaled


def features(name: str, part: Number, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    filled = _filled(raw, part)
    if part.buckets is not None:
        return {name: column(_bucket(filled, part.buckets, known))}
    number = scaled(part.scale, filled, known)
    number = tf.where(tf.math.is_nan(number), 0.0, number)
    if part.scale != "none":
        number = tf.clip_by_value(number, -LIMIT, LIMIT)
    made = numbers.features(name, number, tf.math.is_nan(raw) if part.says_missing else None)
    if part.pieces is not None:
        made[place_of(name)] = column(
            _place(filled, tf.constant(cuts_of(known.boundaries), tf.float32))
        )
    return made


def _place(values: Any, cuts: Any) -> Any:
    """As in prepare."""
    above = tf.clip_by_value(tf.searchsorted(cuts, values, side="right"), 1, cuts.shape[0] - 1)
    low, high = tf.gather(cuts, above - 1), tf.gather(cuts, above)
    share = tf.clip_by_value((values - low) / (high - low), 0.0, 1.0)
    place = tf.cast(above - 1, tf.float32) + share
    return tf.where(tf.math.is_nan(values), 0.0, place)


def _filled(values: Any, part: Number) -> Any:
    if not isinstance(part.missing, float):
        return values
    return tf.where(tf.math.is_nan(values), tf.constant(part.missing, tf.float32), values)


def _bucket(values: Any, buckets: int, known: Known) -> Any:
    """The number of boundaries at or below the value; `buckets` where it is missing."""
    bucket = tf.searchsorted(known.boundaries, values, side="right", out_type=tf.int64)
    return tf.where(tf.math.is_nan(values), tf.constant(buckets, tf.int64), bucket)
