"""Yes or no in training: a sigmoid."""

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
from kinds.heads.any.priors import Prior, label_prior
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target

if TYPE_CHECKING:
    from kinds.heads.binary.spec import Binary


def prior(
    name: str,
    part: "Binary",
    columns: Mapping[str, np.ndarray],
    weights: np.ndarray,
    outputs: int,
    values: Sequence[str],
) -> Prior:
    targets = columns[name]
    labels = np.where(np.isnan(targets), -1, targets).astype(np.int32)
    both = label_prior(labels, weights, 2, part.class_weights, ("0", "1"))
    return Prior(np.diff(both.bias), both.constant_loss, both.share, both.class_weights)


def loss(
    layer: OutputLayer,
    hidden: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
    products: tf.DType,
    drawn: Negatives | None,
) -> HeadSum:
    return sum_of(losses, layer, hidden, targets, weights)


def losses(logit: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """[batch] and 0 or 1 [batch] to [batch]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)


def pseudo_loss(
    layer: OutputLayer, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    scores = layer.logits(hidden)
    p = tf.sigmoid(scores)
    return with_random_signs(scores, p * (1.0 - p), roots, seed)


def results(layer: OutputLayer, hidden: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
    return results_of(losses, layer, hidden, targets)


def output(part: "Binary", logits: keras.KerasTensor, scale: Scale) -> keras.KerasTensor:
    """[batch] the probability of yes."""
    return ops.sigmoid(squeezed(logits))
