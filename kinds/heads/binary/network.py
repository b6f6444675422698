"""Yes or no in training: a sigmoid."""

from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.any.network import kernel_stddev as kernel_stddev
from kinds.heads.any.network import mixed as mixed
from kinds.heads.any.network import mixed_losses as mixed_losses
from kinds.heads.any.network import mixing as mixing
from kinds.heads.any.network import of_sigmoid, with_random_signs
from kinds.heads.any.network import probabilities as probabilities
from kinds.heads.any.network import row_weights as row_weights
from kinds.heads.any.network import sampler as sampler
from kinds.heads.any.network import scale as scale
from kinds.heads.any.network import shift as shift
from kinds.heads.any.network import temperature_sums as temperature_sums
from kinds.heads.any.network import uncertainty_factor as uncertainty_factor
from kinds.heads.any.network import unscaling as unscaling
from kinds.heads.any.priors import Prior, label_prior
from kinds.heads.binary.spec import Binary
from kinds.heads.numbers.network import carried as carried
from kinds.heads.numbers.network import outputs as outputs
from kinds.heads.numbers.network import results_of, squeezed, sum_of
from kinds.heads.numbers.network import target as target
from kinds.parsing import Vector


def prior(part: Binary, train: TrainTargets) -> Prior:
    targets = train.targets
    labels = np.where(np.isnan(targets), -1, targets).astype(np.int32)
    both = label_prior(labels, train.weights, 2, part.class_weights, ("0", "1"))
    return Prior(np.diff(both.bias), both.constant_loss, both.share, both.class_weights)


def losses(logit: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """[batch] and 0 or 1 [batch] to [batch]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)


loss = partial(sum_of, losses)
results = conformity = partial(results_of, losses)
pseudo_loss = partial(with_random_signs, of_sigmoid)


def output(part: Binary, logits: Vector, scale: Scale) -> Vector:
    """[batch] the probability of yes."""
    return ops.sigmoid(squeezed(logits))
