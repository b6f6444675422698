"""Heads over a vocabulary in training: one output a label."""

from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from kinds.heads.any.metrics import Scale

if TYPE_CHECKING:
    from kinds.heads.labels.spec import LabelsPart


def output(part: "LabelsPart", logits: keras.KerasTensor, scale: Scale) -> keras.KerasTensor:
    """[batch, labels] logits: probabilities and the best labels are made by the export."""
    return logits


def count_true(yes: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.math.count_nonzero(yes, axis=1, dtype=tf.int32), tf.float32)
