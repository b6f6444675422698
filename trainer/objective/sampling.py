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

from trainer.objective.losses import linear_logits, product, softmax

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
    class may occur several times. `products`: as for `losses.softmax_sum`, so with bfloat16 the
    logits and shares of the draws are rounded to its 8 bits."""
    own = tf.reduce_sum(hidden * tf.gather(kernel, labels), axis=1) + tf.gather(bias, labels)
    offsets = tf.gather(bias, drawn.ids) - drawn.log_expected
    hits = drawn.ids == labels[:, None]
    return _estimates(own, hidden, tf.gather(kernel, drawn.ids), offsets, hits, products)


def _estimates(
    own: tf.Tensor,
    hidden: tf.Tensor,
    rows: tf.Tensor,
    offsets: tf.Tensor,
    hits: tf.Tensor,
    products: tf.DType,
) -> tf.Tensor:
    """The losses [batch] of a softmax over the logits own [batch] and those of the draws,
    hidden [batch, width] x rows [negatives, width] + offsets [negatives] without the `hits`.

    The gradient's scale of each row is moved out of batch x negatives: it scales rows of hidden."""

    @tf.custom_gradient
    def with_gradient(
        own: tf.Tensor, x: tf.Tensor, w: tf.Tensor, b: tf.Tensor
    ) -> tuple[tf.Tensor, Any]:
        z = linear_logits(x, tf.cast(w, products), b)
        kept = tf.where(hits, tf.constant(REMOVED, products), z)
        first = tf.cast(own, products)
        lse, shares = softmax(
            tf.concat([first[:, None], kept], axis=1), tf.zeros_like(own, tf.int32)
        )

        def gradient(scale: tf.Tensor) -> tuple[tf.Tensor, ...]:
            column = scale[:, None]
            # The own class, in front of the draws, has a row of zeros: its part is d_own.
            d_hidden = column * product(shares, tf.pad(w, [[1, 0], [0, 0]]))
            by_class = product(shares, tf.concat([column * x, column], axis=1), transpose_a=True)
            d_own = scale * (tf.cast(shares[:, 0], tf.float32) - 1)
            return d_own, d_hidden, by_class[1:, :-1], by_class[1:, -1]

        return lse - tf.cast(first, tf.float32), gradient

    return with_gradient(own, hidden, rows, offsets)
