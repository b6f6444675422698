"""The loss of each row for every kind of head, and the exact softmax with a gradient of its own.

Every function gives sums, never means: the caller divides by what it takes for the number of rows.
A missing target has weight 0, and its placeholder value never reaches the loss.
"""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# So many logits at once (64 MiB of float32): slices of fewer rows make the products slower and add
# the kernel's gradient up more often, which costs more than the processor's cache gains.
LOGITS_AT_ONCE = 1 << 24
ROWS_AT_LEAST = 128


def known(targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch] targets to (targets with 0 for the missing ones, 1 or 0 for known or missing).

    Missing is NaN in floats and negative in ids.
    """
    missing = tf.math.is_nan(targets) if targets.dtype.is_floating else targets < 0
    return tf.where(missing, tf.zeros_like(targets), targets), tf.where(missing, 0.0, 1.0)


def softmax_sum(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    smoothing: float = 0.0,
    products: tf.DType = tf.float32,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Exact softmax cross entropy of a linear layer.

    hidden [batch, width], kernel [classes, width], bias [classes], labels int32 [batch] (all
    valid), weights [batch] to (the sum of weight times loss, the losses [batch]). Only the sum has
    a gradient, with regard to the first three.

    With e = exp(logits - their maximum) and s = sum of e, the gradient of the logits is
    w (e / s - label). The division and the label are moved out of batch x classes: the first scales
    rows of [batch, width], the second touches one row of the kernel for each example. That leaves
    one pass of exp over the logits, in slices, so that memory does not grow with the batch.
    Smoothing mixes in `smoothing / classes` of every class; as the sum of all logits is linear in
    the mean row of the kernel, it costs no pass over the logits either.

    `products` is the type of what the three products over batch x classes multiply: with bfloat16
    their results are rounded to its 8 bits too, the exponentials, their sums and all else are
    float32.
    """

    @tf.custom_gradient
    def with_gradient(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tuple[Any, Any]:
        multiplied = tf.cast(w, products)
        slices = [
            _softmax_slice(x[rows], multiplied, b, weights[rows])
            for rows in _slices(x.shape[0], w.shape[0])
        ]
        lse, d_hidden, d_kernel, d_bias = zip(*slices, strict=True)
        own = tf.reduce_sum(x * tf.gather(w, labels), axis=1) + tf.gather(b, labels)
        losses = tf.concat(lse, 0) - (1 - smoothing) * own
        if smoothing:
            losses -= smoothing * (tf.linalg.matvec(x, tf.reduce_mean(w, 0)) + tf.reduce_mean(b))

        def gradient(scale: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, ...]:
            unscaled = (tf.concat(d_hidden, 0), _total(d_kernel), _total(d_bias))
            labelled = _label_terms(unscaled, x, w, labels, weights, smoothing)
            return tuple(scale * g for g in labelled)

        return (tf.reduce_sum(weights * losses), losses), gradient

    total, losses = with_gradient(hidden, kernel, bias)
    return total, losses


def _slices(batch: int | None, classes: int) -> Iterator[slice]:
    if batch is None:
        yield slice(None)
        return
    fewest = -(-batch * classes // LOGITS_AT_ONCE)
    rows = max(ROWS_AT_LEAST, -(-batch // fewest))
    for start in range(0, batch, rows):
        yield slice(start, min(start + rows, batch))


def _softmax_slice(
    x: tf.Tensor, w: tf.Tensor, b: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """(log sum exp [rows], and the gradients of its weighted sum by x, w and b)."""
    z = tf.nn.bias_add(_product(x, w, transpose_b=True), b)
    highest = tf.reduce_max(z, axis=1, keepdims=True)
    e = tf.exp(z - highest)
    s = tf.reduce_sum(e, axis=1, keepdims=True)
    lse = tf.squeeze(tf.math.log(s) + highest, 1)
    r = weights[:, None] / s
    e = tf.cast(e, w.dtype)
    # One product for the kernel and the bias: a column of r beside the rows of x.
    by_class = _product(e, tf.concat([x * r, r], axis=1), transpose_a=True)
    return lse, r * _product(e, w), by_class[:, :-1], by_class[:, -1]


def _product(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
    """A product in the narrower type of the two, as float32."""
    narrow = tf.bfloat16 if tf.bfloat16 in (a.dtype, b.dtype) else tf.float32
    return tf.cast(tf.matmul(tf.cast(a, narrow), tf.cast(b, narrow), **transposed), tf.float32)


def _total(parts: tuple[tf.Tensor, ...]) -> tf.Tensor:
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total


def _label_terms(
    gradients: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    x: tf.Tensor,
    w: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    smoothing: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    d_hidden, d_kernel, d_bias = gradients
    own = (1 - smoothing) * weights
    d_hidden -= own[:, None] * tf.gather(w, labels)
    d_kernel = tf.tensor_scatter_nd_sub(d_kernel, labels[:, None], own[:, None] * x)
    d_bias = tf.tensor_scatter_nd_sub(d_bias, labels[:, None], own)
    if smoothing:
        d_hidden -= smoothing * weights[:, None] * tf.reduce_mean(w, 0)
        share = smoothing / tf.cast(tf.shape(w)[0], tf.float32)
        d_kernel -= share * tf.linalg.matvec(x, weights, transpose_a=True)
        d_bias -= share * tf.reduce_sum(weights)
    return d_hidden, d_kernel, d_bias


def sets_there(labels: tf.Tensor) -> tf.Tensor:
    """int32 [batch, labels] to 1 or 0 [batch]: whether the set is known, be it empty."""
    return tf.where(tf.reduce_any(labels == -1, axis=1), 0.0, 1.0)


def multilabel_rows(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the sigmoid cross entropies of all classes: [batch, classes] and int32
    [batch, labels] (negative: no label) to [batch]."""
    own = tf.gather(logits, tf.maximum(labels, 0), batch_dims=1)
    own = tf.reduce_sum(tf.where(labels >= 0, own, 0.0), axis=1)
    return tf.reduce_sum(tf.math.softplus(logits), axis=1) - own


def binary_rows(logit: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """[batch] and 0 or 1 [batch] to [batch]."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logit)


def squared_rows(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    return tf.square(value - target)


def deviance_rows(log_rate: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Poisson deviance: as the negative log likelihood, but 0 for a perfect prediction."""
    saturated = tf.math.xlogy(target, target) - target
    return 2 * (tf.exp(log_rate) - target * log_rate + saturated)
