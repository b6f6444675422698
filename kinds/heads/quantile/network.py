"""Quantiles in training: the lowest, and how far each of the others is above the one before."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.metrics import Array, Scale, TrainTargets
from kinds.heads.any.network import (
    Factor,
    HeadSum,
    LossRows,
    OutputLayer,
    known,
    signed_sum,
    weighted_sum,
)
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import mixed as mixed
from kinds.heads.any.network import mixed_losses as mixed_losses
from kinds.heads.any.network import mixing as mixing
from kinds.heads.any.network import probabilities as probabilities
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import shift as shift
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.priors import LEAST, Prior, known_numbers
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import target as target
from kinds.heads.quantile import metrics
from kinds.heads.quantile.spec import Quantile
from kinds.heads.scaled.network import in_own_unit
from kinds.heads.scaled.network import scale as scale
from kinds.parsing import Vector

# Quantiles start at least so many deviations of the targets apart, and in any case so far: where
# many targets are the same, a softplus of less would hardly move.
LEAST_GAP, LEAST_OF_ALL = 0.01, 1e-6


def outputs(part: Quantile, entries: Mapping[str, int]) -> int:
    return len(part.quantiles)


def rising(outputs: tf.Tensor) -> tf.Tensor:
    """[batch, outputs] to quantiles on the same scale: the first output, and above each quantile
    the next one by the softplus of its own output."""
    gaps = tf.math.softplus(outputs[:, 1:])
    return tf.cumsum(tf.concat([outputs[:, :1], gaps], axis=1), axis=1)


def prior(part: Quantile, train: TrainTargets) -> Prior:
    """The quantiles of the train targets."""
    numbers, weights, share = known_numbers(train.targets, train.weights)
    total = max(weights.sum(), LEAST)
    mean = (numbers * weights).sum() / total
    deviation = np.sqrt((weights * (numbers - mean) ** 2).sum() / total)
    lowest, *others = metrics.quantiles_of(part.quantiles, numbers, weights)
    gaps = np.maximum(np.diff([lowest, *others]), max(LEAST_GAP * deviation, LEAST_OF_ALL))
    constant = lowest + np.append(0.0, np.cumsum(gaps))
    losses = metrics.pinball(part.quantiles, constant[None], numbers)
    lost = float((losses * weights).sum() / total)
    return Prior(np.append(lowest, inverse_softplus(gaps)), lost, share)


def inverse_softplus(values: Array) -> Array:
    """
    >>> float(np.log1p(np.exp(inverse_softplus(np.array(2.0)))).round(6))
    2.0
    """
    return np.asarray(values + np.log(-np.expm1(-values)))


def pinball(part: Quantile, values: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """[batch] the mean of the losses of values [batch, quantiles]."""
    share, above = tf.constant(part.quantiles, tf.float32), target[:, None] - values
    return tf.reduce_mean(tf.maximum(share * above, (share - 1) * above), axis=1)


def loss(layer: OutputLayer, hidden: tf.Tensor, rows: LossRows) -> HeadSum:
    target, _ = known(rows.targets)
    return weighted_sum(pinball(layer.part, rising(layer.logits(hidden)), target), rows.weights)


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    target, _ = known(targets)
    values = rising(layer.logits(hidden))
    return {"loss": pinball(layer.part, values, target), "value": values, "target": target}


conformity = results


def pseudo_loss(
    layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """A pinball loss has no second derivative. It is the negative log likelihood of an asymmetric
    Laplace distribution, whose Fisher information about its place is share (1 - share)."""
    share = tf.constant(layer.part.quantiles, tf.float32)
    information = share * (1 - share) / len(layer.part.quantiles)
    return signed_sum(rising(layer.logits(hidden)), information, roots, seed)


def unscaling(part: Quantile, scale: Scale) -> tuple[Factor, Factor]:
    """The lowest quantile only: what others are above it goes through a softplus first."""
    more = len(part.quantiles) - 1
    return np.array([scale.std] + [1.0] * more), np.array([scale.mean] + [0.0] * more)


def output(part: Quantile, logits: Vector, scale: Scale) -> Vector:
    """[batch, quantiles] in the target's own unit. They rise whatever is rounded."""
    gaps = ops.multiply(ops.softplus(logits), scale.std)
    linear = [logits[:, :1]]
    for at in range(1, len(part.quantiles)):
        linear.append(ops.add(linear[-1], gaps[:, at : at + 1]))
    values = [in_own_unit(linear[0], scale)]
    for one in linear[1:]:
        values.append(ops.maximum(values[-1], in_own_unit(one, scale)))
    return ops.concatenate(values, axis=1)
