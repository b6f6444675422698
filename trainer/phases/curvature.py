"""The curvature of the whole objective in the layers of one shared block, as K-FAC wants it.

Each kind of head gives a pseudo loss, whose gradients are samples with the second derivative of its
loss as their mean square. One pass backward serves all heads, since the draws of different heads
are independent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from keras import layers

from kinds.heads.network import KINDS
from trainer.data import Batch
from trainer.network import Network
from trainer.network.body import Taps
from trainer.objective import HeadLoss, by_row, given, head_factor, head_weights
from trainer.phases.descent.kfac import Curvature, Factors

Pass = Callable[[Batch, tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]
# Batches with a number each, from which their random draws follow.
Sample = Iterable[tuple[int, Batch]]


def curvature_sums(
    one_pass: Pass,
    sample: Sample,
    totals: tf.Tensor,
    seed: int,
    shapes: Sequence[tuple[int, int]],
) -> tuple[np.ndarray, ...]:
    """Adds up a pass over numbered batches for layers of these shapes; 0 where there are none."""
    none = [np.zeros([size, size]) for shape in shapes for size in shape]
    seeds = ((tf.constant([seed, place], tf.int32), batch) for place, batch in sample)
    sums = [one_pass(batch, totals, drawn) for drawn, batch in seeds]
    parts = zip([*none, np.zeros([])], *([t.numpy() for t in found] for found in sums), strict=True)
    return tuple(np.sum(part, axis=0) for part in parts)


def mean_curvature(sums: tuple[np.ndarray, ...], share: float) -> Curvature:
    """The sums over a sample that holds `share` of the phase's rows, as means over all rows."""
    *moments, count = sums
    pairs = zip(moments[::2], moments[1::2], strict=True)
    return [Factors(inputs / count, gradients / share) for inputs, gradients in pairs]


def make_curvature_pass(
    network: Network, taps: Taps, losses: Mapping[str, HeadLoss], signature: Batch
) -> Pass:
    """(batch, weight of each head in all rows [heads], seed [2]) to the sums, float64, of the
    outer products of each layer's inputs and of the gradients by its sums, layer after layer, and
    to the number of vectors that went through the block.
    """
    specs = [signature, tf.TensorSpec([len(losses)], tf.float64), tf.TensorSpec([2], tf.int32)]

    @tf.function(input_signature=specs, autograph=False)
    def one_pass(batch: Batch, totals: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            found = taps.model(given(batch), training=False)
            pseudo = tf.zeros([])
            for place, (name, head) in enumerate(network.heads.items()):
                weights = head_weights(head, losses[name], batch)
                factor = head_factor(network, losses, name)
                share = factor * weights / tf.cast(totals[place], tf.float32)
                draw = tf.random.fold_in(seed, place)
                pseudo_loss = KINDS[head.part.kind].pseudo_loss
                pseudo += pseudo_loss(head, by_row(found["hidden"][name]), tf.sqrt(share), draw)
        uses = found["uses"]
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(pseudo, [use[1:] for use in uses], unconnected_gradients=zero)
        there = tf.where(batch.weights > 0, 1.0, 0.0)
        moments: list[tf.Tensor] = []
        for at, layer in enumerate(taps.layers):
            into, pulled = [use[at] for use in uses], [of_use[at] for of_use in gradients]
            moments += layer_moments(layer, into, pulled, there)
        places = sum(int(np.prod(use[0].shape[1:-1])) for use in uses)
        return *moments, tf.reduce_sum(tf.cast(there, tf.float64)) * places

    return one_pass


def layer_moments(
    layer: layers.Dense, into: list[tf.Tensor], gradients: list[tf.Tensor], there: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Over all uses of a layer, and over the rows that are `there` [batch]: the sums of the outer
    products of what goes in [..., inputs] and of the gradients by the layer's sums, given those
    by what comes out [..., outputs]."""
    backward = [_by_sums(layer, x, g) for x, g in zip(into, gradients, strict=True)]
    forward = [_with_one(x) if layer.use_bias else x for x in into]
    inputs, outputs = ([_outer(x, there) for x in side] for side in (forward, backward))
    return tf.add_n(inputs), tf.add_n(outputs)


def _with_one(vectors: tf.Tensor) -> tf.Tensor:
    """A bias is one more row of the matrix, whose input is always 1."""
    return tf.concat([vectors, tf.ones_like(vectors[..., :1])], axis=-1)


def _by_sums(layer: layers.Dense, vectors: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """From the gradient by what a layer's activation gives to that by what it is given."""
    sums = tf.tensordot(vectors, layer.kernel.value, 1)
    if layer.use_bias:
        sums += layer.bias.value
    with tf.GradientTape() as tape:
        tape.watch(sums)
        given = layer.activation(sums)
    return tape.gradient(given, sums, output_gradients=gradient)


def _outer(vectors: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    """The products of a batch are float32, as they are half of this pass; all sums are float64."""
    places = int(np.prod(vectors.shape[1:-1]))
    kept = tf.reshape(vectors, [-1, vectors.shape[-1]]) * tf.repeat(there, places)[:, None]
    return tf.cast(tf.matmul(kept, kept, transpose_a=True), tf.float64)
