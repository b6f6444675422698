"""A number in training: on a scale, by squared error."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.metrics import Scale
from kinds.heads.any.network import HeadSum, Negatives, OutputLayer, with_random_signs
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.priors import LEAST, Prior, known_numbers
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target

if TYPE_CHECKING:
    from kinds.heads.regression.spec import Regression


def scale(name: str, part: "Regression", statistics: Mapping[str, Any]) -> Scale:
    if part.scale == "none":
        return Scale()
    found = statistics["numbers"][name]
    return Scale(found["mean"], found["std"], part.scale == "log")


def prior(
    name: str,
    part: "Regression",
    columns: Mapping[str, np.ndarray],
    weights: np.ndarray,
    outputs: int,
    values: Sequence[str],
) -> Prior:
    numbers, weights, share = known_numbers(columns[name], weights)
    total = max(weights.sum(), LEAST)
    mean = (numbers * weights).sum() / total
    lost = (weights * (numbers - mean) ** 2).sum() / total
    return Prior(np.array([mean]), float(lost), share)


def uncertainty_factor(part: "Regression") -> float:
    """Half a squared error is the negative log likelihood of a normal distribution."""
    return 0.5


def loss(
    layer: OutputLayer,
    hidden: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    products: tf.DType,
    drawn: Negatives | None,
) -> HeadSum:
    return sum_of(losses, layer, hidden, targets, weights)


def losses(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.square(value - target)


def pseudo_loss(
    layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    scores = layer.logits(hidden)
    return with_random_signs(scores, tf.fill(tf.shape(scores), 2.0), roots, seed)


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    return results_of(losses, layer, hidden, targets)


def output(part: "Regression", logits: keras.KerasTensor, scale: Scale) -> keras.KerasTensor:
    """[batch] in the target's own unit."""
    value = squeezed(logits)
    if scale.log:
        return ops.multiply(ops.sign(value), ops.subtract(ops.exp(ops.abs(value)), 1.0))
    return value
