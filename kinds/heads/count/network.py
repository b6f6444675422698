"""A count in training: the logarithm of a rate, by Poisson deviance."""

from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import mixed as mixed
from kinds.heads.any.network import mixed_losses as mixed_losses
from kinds.heads.any.network import mixing as mixing
from kinds.heads.any.network import probabilities as probabilities
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import scale as scale
from kinds.heads.any.network import shift as shift
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.network import unscaling as unscaling
from kinds.heads.any.network import with_random_signs
from kinds.heads.any.priors import LEAST, ROWS_OF_NO_ROWS, Prior, known_numbers
from kinds.heads.count.metrics import deviance
from kinds.heads.count.spec import Counts
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target
from kinds.parsing import Vector


def prior(part: Counts, train: TrainTargets) -> Prior:
    counts, weights, share = known_numbers(train.targets, train.weights)
    total = max(weights.sum(), LEAST)
    rate = max((counts * weights).sum(), ROWS_OF_NO_ROWS) / total
    lost = float((weights * deviance(counts, rate)).sum() / total)
    return Prior(np.array([np.log(rate)]), lost, share)


def losses(log_rate: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Poisson deviance: as the negative log likelihood, but 0 for a perfect prediction."""
    saturated = tf.math.xlogy(target, target) - target
    return 2 * (tf.exp(log_rate) - target * log_rate + saturated)


def second_derivative(log_rate: tf.Tensor) -> tf.Tensor:
    return 2.0 * tf.exp(log_rate)


loss = partial(sum_of, losses)
results = conformity = partial(results_of, losses)
pseudo_loss = partial(with_random_signs, second_derivative)


def output(part: Counts, logits: Vector, scale: Scale) -> Vector:
    """[batch] the rate."""
    return ops.exp(squeezed(logits))
