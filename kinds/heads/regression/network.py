"""A number in training: on a scale, by squared error."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.any.network import Shift, with_random_signs
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import mixed as mixed
from kinds.heads.any.network import mixed_losses as mixed_losses
from kinds.heads.any.network import mixing as mixing
from kinds.heads.any.network import probabilities as probabilities
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import unscaling as unscaling
from kinds.heads.any.priors import LEAST, Prior, known_numbers
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target
from kinds.heads.regression.spec import Regression
from kinds.heads.scaled.network import in_own_unit
from kinds.heads.scaled.network import scale as scale
from kinds.parsing import Vector

# Standard deviations by which answers may move, and how often these are halved.
_MOST, _HALVINGS = 2.0, 40


def prior(part: Regression, train: TrainTargets) -> Prior:
    numbers, weights, share = known_numbers(train.targets, train.weights)
    total = max(weights.sum(), LEAST)
    mean = (numbers * weights).sum() / total
    lost = (weights * (numbers - mean) ** 2).sum() / total
    return Prior(np.array([mean]), float(lost), share)


def uncertainty_factor(part: Regression) -> float:
    """Half a squared error is the negative log likelihood of a normal distribution."""
    return 0.5


def losses(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.square(value - target)


def second_derivative(value: tf.Tensor) -> tf.Tensor:
    return tf.fill(tf.shape(value), 2.0)


loss = partial(sum_of, losses)
results = conformity = partial(results_of, losses)
pseudo_loss = partial(with_random_signs, second_derivative)


def shift(part: Regression, scale: Scale) -> Shift | None:
    return partial(to_the_mean, scale) if part.answer == "mean" and scale.log else None


def to_the_mean(scale: Scale, rows: Mapping[str, np.ndarray]) -> float:
    """What makes the mean of the answers that of the targets, by halving: it rises with them."""
    weight = rows["weight"].astype(np.float64)
    if not weight.any():
        return 0.0
    own = np.average(scale.restore(rows["target"]), weights=weight)
    low, high = -_MOST, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        mean = np.average(scale.restore(rows["value"] + middle), weights=weight)
        low, high = (middle, high) if mean < own else (low, middle)
    return (low + high) / 2


def output(part: Regression, logits: Vector, scale: Scale) -> Vector:
    """[batch] in the target's own unit."""
    return in_own_unit(squeezed(logits), scale)
