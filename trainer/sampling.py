"""Softmax cross entropy over a few sampled classes in the place of all.

The sum over all classes is estimated from `negatives` classes that a step draws, with replacement,
from q, and that all its rows share. With z the logits and y a row's label

    sum_j exp(z_j)  ~  exp(z_y) + sum over the draws s != y of exp(z_s - log(negatives q_s))

whose mean over the draws is the exact sum: the correction by log q (Bengio and Senecal 2008; Jean
et al. 2015, arXiv:1412.2007), with a draw that hits the row's own label removed. The logarithm of
the estimate is a little low on average, so the last part of a run is exact. Metrics never use it.

What is random is a function of seed and step: a resumed run draws the same classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from trainer.losses import product, softmax

# Between uniform (0), which wastes draws, and the classes' own frequencies (1), which starve the
# rare ones; the usual choice since word2vec (Mikolov et al. 2013).
POWER = 0.75
REMOVED = -1e30


class Negatives(NamedTuple):
    """ids int32 [negatives], and the log of how often each is expected among them."""

    ids: tf.Tensor
    log_expected: tf.Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws `negatives` classes with the chances q [classes]."""

    q: np.ndarray
    negatives: int
    seed: int

    def draw(self, step: tf.Tensor) -> Negatives:
        """The classes of a step, an integer scalar."""
        ends = tf.constant(np.cumsum(self.q), tf.float32)
        key = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(step, tf.int64)])
        places = tf.random.stateless_uniform([self.negatives], key)
        ids = tf.minimum(tf.searchsorted(ends, places, side="right"), len(self.q) - 1)
        expected = tf.constant(np.log(self.negatives * self.q), tf.float32)
        return Negatives(ids, tf.gather(expected, ids))


def flattened(shares: np.ndarray) -> np.ndarray:
    """Chances in proportion to a power of the classes' shares [classes].

    >>> flattened(np.array([16 / 17, 1 / 17])).round(3).tolist()
    [0.889, 0.111]
    """
    powered = np.float64(shares) ** POWER
    return np.asarray(powered / powered.sum())


def build_samplers(
    biases: Mapping[str, np.ndarray], *, negatives: int, seed: int
) -> dict[str, Sampler]:
    """{head: its sampler}, from the log shares of the classes [classes] that its bias starts at. A
    head that has no more classes than twice the draws gains nothing and stays exact."""
    return {
        name: Sampler(flattened(np.exp(bias)), negatives, seed)
        for name, bias in biases.items()
        if len(bias) > 2 * negatives
    }


def sampled_softmax_rows(
    hidden: tf.Tensor,
    kernel: tf.Variable,
    bias: tf.Variable,
    labels: tf.Tensor,
    drawn: Negatives,
    products: tf.DType = tf.float32,
) -> tf.Tensor:
    """hidden [batch, width], kernel [at least classes, width], bias [classes], labels int32 [batch]
    to the estimated losses [batch]. The gradients of kernel and bias are IndexedSlices, in which a
    class may occur several times. `products`: as for `losses.softmax_sum`."""
    own = tf.reduce_sum(hidden * tf.gather(kernel, labels), axis=1) + tf.gather(bias, labels)
    offsets = tf.gather(bias, drawn.ids) - drawn.log_expected
    rows = tf.cast(tf.gather(kernel, drawn.ids), products)
    others = product(hidden, rows, transpose_b=True) + offsets
    return _estimates(own, others, drawn.ids == labels[:, None])


def _estimates(own: tf.Tensor, others: tf.Tensor, hits: tf.Tensor) -> tf.Tensor:
    """The losses [batch] of a softmax over own [batch] and others [batch, negatives], without the
    `hits` among these."""

    @tf.custom_gradient
    def with_gradient(own: tf.Tensor, others: tf.Tensor) -> tuple[tf.Tensor, Any]:
        kept = tf.where(hits, REMOVED, others)
        first = tf.zeros_like(own, tf.int32)
        lse, shares = softmax(tf.concat([own[:, None], kept], axis=1), first)

        def gradient(scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            scaled = scale[:, None] * shares
            return scaled[:, 0] - scale, scaled[:, 1:]

        return lse - own, gradient

    return with_gradient(own, others)
