"""Keys of a memory as tensors, of batches as the trainer has them: those of kinds.memory.keys."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kinds.inputs.keys import Key
from kinds.memory.keys import DECAY, NO_KEY, Keys

Features = Mapping[str, tf.Tensor]


def looked_up(keys: Keys, features: Features) -> tf.Tensor:
    """int64 [batch]: what each row is looked up by; NO_KEY where one of the ids is unknown."""
    return _combined(keys, [_ids(part, features) for part in keys.parts])


def own(keys: Keys, features: Features) -> tuple[tf.Tensor, tf.Tensor]:
    """What each row has itself added to the value that it is looked up by, for a weight of 1:
    float32 [batch], how much, and int32 [batch], how many times."""
    key = looked_up(keys, features)
    share, times = tf.zeros(tf.shape(key)), tf.zeros(tf.shape(key), tf.int32)
    for other, weight in _counted(keys, features):
        same = tf.logical_and(tf.equal(other, key), tf.not_equal(key, NO_KEY))
        share += weight * tf.cast(same, tf.float32)
        times += tf.cast(same, tf.int32)
    return share, times


def _counted(keys: Keys, features: Features) -> Iterator[tuple[tf.Tensor, float]]:
    yield looked_up(keys, features), 1.0
    part, decay = keys.parts[0], np.float32(DECAY)
    for back in range(1, keys.reach):
        ids = _ids(replace(part, place=(part.place or 0) + back), features)
        is_there = tf.not_equal(ids, tf.constant(part.missing, tf.int64))
        nothing = tf.constant(NO_KEY, tf.int64)
        yield tf.where(is_there, _combined(keys, [ids]), nothing), float(decay**back)


def _combined(keys: Keys, ids: list[tf.Tensor]) -> tf.Tensor:
    key = tf.zeros_like(ids[0])
    known = tf.ones_like(ids[0], tf.bool)
    for part, own in zip(keys.parts, ids, strict=True):
        key = key * part.ids + (own if part.ids > 1 else 0)
        known = tf.logical_and(known, tf.not_equal(own, part.unknown))
    return tf.where(known, key, tf.constant(NO_KEY, tf.int64))


def _ids(key: Key, features: Features) -> tf.Tensor:
    ids = features[key.feature]
    if key.place is not None:
        there = key.place <= ids.shape[1]
        ids = ids[:, -key.place] if there else tf.fill(tf.shape(ids)[:1], key.missing)
    ids = tf.cast(ids, tf.int64)
    if key.missing_flag is None:
        return ids
    missing = tf.equal(features[key.missing_flag], 1)
    return tf.where(missing, tf.constant(key.missing, tf.int64), ids)
