"""A count in training: the logarithm of a rate, by Poisson deviance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.metrics import Scale
from kinds.heads.any.network import HeadSum, Negatives, OutputLayer, with_random_signs
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import scale as scale
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.priors import LEAST, ROWS_OF_NO_ROWS, Prior, known_numbers
from kinds.heads.count.metrics import deviance
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target

if TYPE_CHECKING:
    from kinds.heads.count.spec import Counts


def prior(
    name: str,
    part: "Counts",
    columns: Mapping[str, np.ndarray],
    weights: np.ndarray,
    outputs: int,
    values: Sequence[str],
) -> Prior:
    counts, weights, share = known_numbers(columns[name], weights)
    total = max(weights.sum(), LEAST)
    rate = max((counts * weights).sum(), ROWS_OF_NO_ROWS) / total
    lost = float((weights * deviance(counts, rate)).sum() / total)
    return Prior(np.array([np.log(rate)]), lost, share)


def loss(
    layer: OutputLayer,
    hidden: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    products: tf.DType,
    drawn: Negatives | None,
) -> HeadSum:
    return sum_of(losses, layer, hidden, targets, weights)


def losses(log_rate: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Poisson deviance: as the negative log likelihood, but 0 for a perfect prediction."""
    saturated = tf.math.xlogy(target, target) - target
    return 2 * (tf.exp(log_rate) - target * log_rate + saturated)


def pseudo_loss(
    layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    scores = layer.logits(hidden)
    return with_random_signs(scores, 2.0 * tf.exp(scores), roots, seed)


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    return results_of(losses, layer, hidden, targets)


def output(part: "Counts", logits: keras.KerasTensor, scale: Scale) -> keras.KerasTensor:
    """[batch] the rate."""
    return ops.exp(squeezed(logits))
