"""The curvature of the whole objective in one shared matrix, as K-FAC wants it.

For a classification the gradients of labels that are drawn from the model's own predictions are
collected (never those of the true labels: Kunstner et al. 2019, arXiv:1905.12558), for a head with
one output the square root of its second derivative with a random sign. One pass backward serves
all heads, since the signs and draws of different heads are independent.
"""

from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from trainer.data import Batch
from trainer.heads import Head, head_input, kernel_rows, logits
from trainer.kfac import Curvature
from trainer.losses import softmax_sum
from trainer.network import Network
from trainer.objective import HeadLoss, head_factor, head_weights

Pass = Callable[[Batch, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
# Batches with a number each, from which their random draws follow.
Sample = Iterable[tuple[int, Batch]]


def curvature_sums(
    one_pass: Pass, sample: Sample, totals: tf.Tensor, seed: int, shape: tuple[int, int]
) -> tuple[np.ndarray, ...]:
    """Adds up a pass over numbered batches for a matrix of this shape; 0 where there are none."""
    inputs, outputs = shape
    none = (np.zeros([inputs, inputs]), np.zeros([outputs, outputs]), np.zeros([]))
    seeds = ((tf.constant([seed, place], tf.int32), batch) for place, batch in sample)
    sums = [one_pass(batch, totals, drawn) for drawn, batch in seeds]
    parts = zip(none, *([t.numpy() for t in found] for found in sums), strict=True)
    return tuple(np.sum(part, axis=0) for part in parts)


def mean_curvature(sums: tuple[np.ndarray, ...], share: float) -> Curvature:
    """The sums over a sample that holds `share` of the phase's rows, as means over all rows."""
    inputs, gradients, count = sums
    return Curvature(inputs / count, gradients / share)


def make_curvature_pass(
    network: Network, taps: keras.Model, losses: Mapping[str, HeadLoss], signature: Batch
) -> Pass:
    """(batch, weight of each head in all rows [heads], seed [2]) to the sums, float64, of the
    outer products of the block's inputs and of its outputs' gradients, and the number of inputs.
    """
    specs = [signature, tf.TensorSpec([len(losses)], tf.float64), tf.TensorSpec([2], tf.int32)]

    @tf.function(input_signature=specs, autograph=False)
    def one_pass(batch: Batch, totals: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            found = taps(batch.features, training=False)
            pseudo = tf.zeros([])
            for place, (name, head) in enumerate(network.heads.items()):
                weights = head_weights(head, losses[name], batch)
                factor = head_factor(network, losses, name)
                share = factor * weights / tf.cast(totals[place], tf.float32)
                draw = tf.random.fold_in(seed, place)
                pseudo += pseudo_loss(head, found["hidden"][name], tf.sqrt(share), draw)
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(pseudo, found["out_of"], unconnected_gradients=zero)
        there = tf.where(batch.weights > 0, 1.0, 0.0)
        rows = [_flat(x, there) for x in found["into"]]
        inputs = [tf.matmul(x, x, transpose_a=True) for x, _ in rows]
        outer = [_outer(g) for g in gradients]
        count = tf.add_n([n for _, n in rows])
        return tf.add_n(inputs), tf.add_n(outer), count

    return one_pass


def _flat(vectors: tf.Tensor, there: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, ..., width] to float64 [vectors, width], zero in rows that pad the batch, and how
    many vectors are left."""
    mask = tf.reshape(there, [-1] + [1] * (len(vectors.shape) - 1)) * tf.ones_like(vectors)
    width = vectors.shape[-1]
    flat = tf.reshape(tf.cast(vectors * mask, tf.float64), [-1, width])
    return flat, tf.reduce_sum(tf.cast(mask, tf.float64)) / width


def _outer(gradients: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(tf.cast(gradients, tf.float64), [-1, gradients.shape[-1]])
    return tf.matmul(flat, flat, transpose_a=True)


def pseudo_loss(head: Head, hidden: tf.Tensor, roots: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """A number whose gradient by row i of `hidden` is roots[i] times a sample u with
    E[u u^T] = the second derivative of that row's loss by `hidden`."""
    if head.kind == "classification":
        x, kernel = head_input(head, hidden), kernel_rows(head)
        bias = tf.convert_to_tensor(head.bias)
        scores = tf.stop_gradient(logits(head, hidden))
        drawn = tf.argmax(scores + _gumbel(tf.shape(scores), seed), axis=1, output_type=tf.int32)
        return softmax_sum(x, kernel, bias, drawn, roots)[0]
    scores = logits(head, hidden)
    signs = tf.sign(tf.random.stateless_uniform(tf.shape(scores), seed, -1.0, 1.0))
    bend = tf.stop_gradient(signs * tf.sqrt(_second_derivative(head.kind, scores)))
    return tf.reduce_sum(roots[:, None] * bend * scores)


def _gumbel(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    smallest = np.finfo(np.float32).tiny
    uniform = tf.random.stateless_uniform(shape, seed, minval=smallest, maxval=1.0)
    return -tf.math.log(-tf.math.log(uniform))


def _second_derivative(kind: str, scores: tf.Tensor) -> tf.Tensor:
    """Of a row's loss by its output: squared error, cross entropy of a sigmoid, deviance."""
    match kind:
        case "regression":
            return tf.fill(tf.shape(scores), 2.0)
        case "count":
            return 2.0 * tf.exp(scores)
        case _:
            p = tf.sigmoid(scores)
            return p * (1.0 - p)
