"""Temperatures: one number for each softmax, so that its probabilities can be believed.

Dividing all logits by one number changes no ranking. It is fitted on half of the eval batches and
used only if it lowers the log loss of the other half too (Guo et al. 2017, On Calibration of Modern
Neural Networks).
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kinds.heads.any.network import OutputLayer, TemperatureSums, known
from trainer.data import Batch
from trainer.network import Network

BATCHES_AT_MOST = 64
NEWTON_STEPS = 12
SMALLEST_STEP = 1e-4
INVERSE_RANGE = (0.05, 20.0)

# (inverse temperature) to the sums of weight, loss, first and second derivative by it.
Sums = Callable[[float, tf.data.Dataset], np.ndarray]


def make_sums(
    network: Network, head: OutputLayer, sums_of: TemperatureSums, signature: Batch
) -> Sums:
    @tf.function(input_signature=[signature, tf.TensorSpec([], tf.float32)], autograph=False)
    def of_batch(batch: Batch, inverse: tf.Tensor) -> tf.Tensor:
        z = head.logits(network.body(batch.features, training=False)[head.name])
        target, there = known(batch.targets[head.name])
        return sums_of(z, target, batch.weights * there, inverse)

    def of_batches(inverse: float, batches: tf.data.Dataset) -> np.ndarray:
        at = tf.constant(inverse, tf.float32)
        sums = [of_batch(batch, at).numpy() for batch in batches]
        return np.asarray(np.sum(sums or [np.zeros(4)], axis=0))

    return of_batches


def fit_temperature(sums: Sums, batches: tf.data.Dataset) -> float:
    """The temperature of a head; 1 where none is better on the batches it was not fitted on."""
    some = batches.take(BATCHES_AT_MOST)
    fitting, holding_out = some.shard(2, 0), some.shard(2, 1)
    inverse = newton(lambda at: sums(at, fitting))
    weight, before = sums(1.0, holding_out)[:2]
    after = sums(inverse, holding_out)[1]
    return 1.0 / inverse if weight > 0 and after < before else 1.0


def newton(at: Callable[[float], np.ndarray]) -> float:
    """The inverse temperature with the lowest loss; the loss is convex in it."""
    inverse = 1.0
    for _ in range(NEWTON_STEPS):
        weight, _, slope, curvature = at(inverse)
        if weight == 0 or curvature <= 0:
            return 1.0
        # At most by half, so that a nearly flat loss does not throw it out of range.
        step = np.clip(-slope / curvature, -inverse / 2, inverse)
        inverse = float(np.clip(inverse + step, *INVERSE_RANGE))
        if abs(step) < SMALLEST_STEP * inverse:
            break
    return inverse
