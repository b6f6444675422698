"""Heads over a vocabulary in training: one output a label."""

import tensorflow as tf

from kinds.heads.any.metrics import Scale
from kinds.heads.labels.spec import LabelsPart
from kinds.parsing import Vector


def output(part: LabelsPart, logits: Vector, scale: Scale) -> Vector:
    """[batch, labels] logits: probabilities and the best labels are made by the export."""
    return logits


def count_true(yes: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.math.count_nonzero(yes, axis=1, dtype=tf.int32), tf.float32)
