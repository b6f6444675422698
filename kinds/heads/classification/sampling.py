"""Softmax cross entropy over a few sampled classes instead of all.

The sum over all classes is estimated from `negatives` classes that a step draws, with replacement,
from q, and that all its rows share. With z the logits and y a row's label

    sum_j exp(z_j)  ~  exp(z_y) + sum over the draws s != y of exp(z_s - log(negatives q_s))

whose mean over the draws is the exact sum: the correction by log q (Bengio and Senecal 2008; Jean
et al. 2015, arXiv:1412.2007), with a draw that hits the row's own label removed. The logarithm of
the estimate is a little low on average, so the last part of a run is exact. Metrics never use it.

What is random is a function of seed and step: a resumed run draws the same classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads.any.network import Negatives, Sampler
from kinds.heads.classification.softmax import linear_logits, product, softmax

# Between uniform (0), which wastes draws, and the classes' own frequencies (1), which starve the
# rare ones; the usual choice since word2vec (Mikolov et al. 2013).
POWER = 0.75
REMOVED = -1e30
# Classes [n] to their rows of the kernel [n, width] and their biases [n].
Rows = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def flattened(shares: np.ndarray) -> np.ndarray:
    """Chances in proportion to a power of the classes' shares [classes].

    >>> flattened(np.array([16 / 17, 1 / 17])).round(3).tolist()
    [0.889, 0.111]
    """
    powered = np.float64(shares) ** POWER
    return np.asarray(powered / powered.sum())


def build_sampler(bias: np.ndarray, *, negatives: int, seed: int) -> Sampler | None:
    """From the log shares of the classes [classes]. A head that has no more classes than twice the
    draws gains nothing and stays exact."""
    if len(bias) <= 2 * negatives:
        return None
    return Sampler(flattened(np.exp(bias)), negatives, seed)


def sampled_softmax_rows(
    hidden: tf.Tensor,
    rows_at: Rows,
    labels: tf.Tensor,
    drawn: Negatives,
    products: tf.DType = tf.float32,
    smoothing: float = 0.0,
    classes: int = 1,
) -> tf.Tensor:
    """hidden [batch, width], what gives the rows of kernel and bias for classes, and labels int32
    [batch] to the estimated losses [batch]. `products`: as for `losses.softmax_sum`, so with
    bfloat16 the logits and shares of the draws are rounded to its 8 bits.

    `smoothing` spreads a share of the target over all `classes`. The mean of their logits is linear
    in their rows, and estimated from the draws, each divided by how often it is expected.
    """
    (own_row, own_bias), (rows, bias) = rows_at(labels), rows_at(drawn.ids)
    own = tf.reduce_sum(hidden * own_row, axis=1) + own_bias
    hits = drawn.ids == labels[:, None]
    losses = _estimates(own, hidden, rows, bias - drawn.log_expected, hits, products)
    if not smoothing:
        return losses
    parts = tf.exp(-drawn.log_expected) / classes
    mean_row = tf.linalg.matvec(rows, parts, transpose_a=True)
    mean = tf.linalg.matvec(hidden, mean_row) + tf.reduce_sum(parts * bias)
    return losses + smoothing * (own - mean)


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
