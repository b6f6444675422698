"""Heads of one number in training: one output."""

from collections.abc import Callable, Mapping

import tensorflow as tf
from keras import ops

from kinds.heads.any.network import (
    Earlier,
    HeadSum,
    LossRows,
    OutputLayer,
    Weights,
    known,
    weighted_sum,
)
from kinds.heads.numbers.spec import NumberPart
from kinds.parsing import ONE_NUMBER, Feature, Vector

# (outputs [batch], known targets [batch]) to losses [batch].
Losses = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def target(part: NumberPart) -> Feature:
    return ONE_NUMBER


def outputs(part: NumberPart, entries: Mapping[str, int]) -> int:
    return 1


def sum_of(losses: Losses, layer: OutputLayer, hidden: tf.Tensor, rows: LossRows) -> HeadSum:
    target, _ = known(rows.targets)
    return weighted_sum(losses(tf.squeeze(layer.logits(hidden), axis=1), target), rows.weights)


def results_of(
    losses: Losses, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor
) -> dict[str, tf.Tensor]:
    target, _ = known(targets)
    value = tf.squeeze(layer.logits(hidden), axis=1)
    return {"loss": losses(value, target), "value": value, "target": target}


def squeezed(logits: Vector) -> Vector:
    """[batch, 1] to [batch]."""
    return ops.squeeze(logits, axis=-1)


def carried(layer: OutputLayer, earlier: Earlier) -> Weights:
    return earlier.kernel, earlier.bias
