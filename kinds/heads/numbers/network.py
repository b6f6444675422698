"""Heads of one number in training: one output."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.network import HeadSum, OutputLayer, known, weighted_sum
from kinds.parsing import ONE_NUMBER, Feature

if TYPE_CHECKING:
    from kinds.heads.numbers.spec import NumberPart

# (outputs [batch], known targets [batch]) to losses [batch].
Losses = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def target(part: "NumberPart") -> Feature:
    return ONE_NUMBER


def outputs(part: "NumberPart", entries: Mapping[str, int]) -> int:
    return 1


def sum_of(
    losses: Losses, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor
) -> HeadSum:
    target, _ = known(targets)
    return weighted_sum(losses(tf.squeeze(layer.logits(hidden), axis=1), target), weights)


def results_of(
    losses: Losses, layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor
) -> dict[str, tf.Tensor]:
    target, _ = known(targets)
    value = tf.squeeze(layer.logits(hidden), axis=1)
    return {"loss": losses(value, target), "value": value, "target": target}


def squeezed(logits: keras.KerasTensor) -> keras.KerasTensor:
    """[batch, 1] to [batch]."""
    return ops.squeeze(logits, axis=-1)


def carried(
    layer: OutputLayer,
    kernel: np.ndarray,
    bias: np.ndarray,
    places: np.ndarray | None,
    factor: float,
) -> tuple[np.ndarray, np.ndarray]:
    return kernel, bias
