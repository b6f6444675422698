"""Exact softmax cross entropy of a linear layer, with a gradient of its own.

It gives sums, never means: the caller divides by what it takes for the number of rows.
"""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from kinds.row_sums import has_gpu, subtract_by_row

# Logits at once. On a CPU (64 MiB of float32) slices of fewer rows make the products slower
# and add the kernel's gradient up more often, which costs more than the processor's cache gains. On
# a GPU (2 GiB) only its memory asks for slices.
LOGITS_AT_ONCE, LOGITS_AT_ONCE_ON_GPU = 1 << 24, 1 << 29
ROWS_AT_LEAST = 128
SMALLEST_SHARE = 1e-36


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

    With p the shares that the logits stand for, the gradient of the logits is w (p - label). Weight
    and label are moved out of batch x classes: the first scales rows of [batch, width], the second
    touches one row of the kernel for each example. That leaves one pass over the logits between the
    products, in slices, so that memory does not grow with the batch. Smoothing mixes in
    `smoothing / classes` of every class; as the sum of all logits is linear in the mean row of the
    kernel, it costs no pass over the logits either.

    `products` is the type of what the three products over batch x classes multiply: with bfloat16
    their results, logits and shares among them, are rounded to its 8 bits too; sums, weights and
    all else are float32.
    """

    @tf.custom_gradient
    def with_gradient(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tuple[Any, Any]:
        multiplied = tf.cast(w, products)
        if x.shape[0] is None:
            slices = [_in_turn(x, multiplied, b, labels, weights)]
        else:
            slices = [
                _softmax_slice(x[rows], multiplied, b, labels[rows], weights[rows])
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


def _in_turn(
    x: tf.Tensor, w: tf.Tensor, b: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """What `_softmax_slice` gives, over a number of rows that is not known before: slices one
    after the other, one of them at least."""
    size, rows = max(ROWS_AT_LEAST, LOGITS_AT_ONCE // int(w.shape[0])), tf.shape(x)[0]
    count = tf.maximum(1, (rows + size - 1) // size)
    start = [tf.TensorArray(tf.float32, count, infer_shape=False) for _ in range(2)]
    sums = [tf.zeros(w.shape), tf.zeros(b.shape)]

    def one(at: tf.Tensor, lse: Any, d_hidden: Any, d_kernel: Any, d_bias: Any) -> Any:
        own = slice(at * size, tf.minimum(rows, (at + 1) * size))
        found = _softmax_slice(x[own], w, b, labels[own], weights[own])
        arrays = lse.write(at, found[0]), d_hidden.write(at, found[1])
        return at + 1, *arrays, d_kernel + found[2], d_bias + found[3]

    _, *found = tf.while_loop(
        lambda at, *_: at < count, one, [0, *start, *sums], parallel_iterations=1
    )
    return found[0].concat(), found[1].concat(), found[2], found[3]


def _slices(batch: int, classes: int) -> Iterator[slice]:
    at_once = LOGITS_AT_ONCE_ON_GPU if has_gpu() else LOGITS_AT_ONCE
    fewest = -(-batch * classes // at_once)
    rows = max(ROWS_AT_LEAST, -(-batch // fewest))
    for start in range(0, batch, rows):
        yield slice(start, min(start + rows, batch))


def _softmax_slice(
    x: tf.Tensor, w: tf.Tensor, b: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """(log sum exp [rows], and the gradients of its weighted sum by x, w and b)."""
    lse, shares = softmax(linear_logits(x, w, b), labels)
    weights = weights[:, None]
    # One product for the kernel and the bias: a column of weights beside the rows of x.
    by_class = product(shares, tf.concat([weights * x, weights], axis=1), transpose_a=True)
    return lse, weights * product(shares, w), by_class[:, :-1], by_class[:, -1]


def linear_logits(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """[rows, classes] in the type of w.

    Beside bfloat16 rows of the kernel the bias is two more columns, which hold 16 of its bits: a
    float32 pass over the logits that adds it would take half as long as their product.
    """
    if w.dtype == tf.float32:
        return tf.nn.bias_add(tf.matmul(x, w, transpose_b=True), b)
    high = tf.cast(b, w.dtype)
    low = tf.cast(b - tf.cast(high, tf.float32), w.dtype)
    ones = tf.ones([tf.shape(x)[0], 2], w.dtype)
    columns = tf.concat([w, high[:, None], low[:, None]], axis=1)
    return tf.matmul(tf.concat([tf.cast(x, w.dtype), ones], axis=1), columns, transpose_b=True)


def softmax(z: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits [rows, classes] and int32 [rows] to (log sum exp [rows] in float32, shares
    [rows, classes] in the type of the logits).

    TensorFlow's softmax is one pass over the logits, faster than a maximum, an exponential and a
    sum. The sum follows from any class whose share did not underflow, so from the label's: only
    where that is next to nothing does it take passes of its own.
    """
    shares = tf.nn.softmax(z)
    own, share = (
        tf.cast(tf.gather(of_all, labels, batch_dims=1), tf.float32) for of_all in (z, shares)
    )
    lse = tf.cond(
        tf.reduce_all(share > SMALLEST_SHARE),
        lambda: own - tf.math.log(share),
        lambda: tf.reduce_logsumexp(tf.cast(z, tf.float32), axis=1),
    )
    return lse, shares


def product(a: tf.Tensor, b: tf.Tensor, **transposed: bool) -> tf.Tensor:
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
    d_kernel = subtract_by_row(d_kernel, labels, own[:, None] * x)
    d_bias = subtract_by_row(d_bias, labels, own)
    if smoothing:
        d_hidden -= smoothing * weights[:, None] * tf.reduce_mean(w, 0)
        share = smoothing / tf.cast(tf.shape(w)[0], tf.float32)
        d_kernel -= share * tf.linalg.matvec(x, weights, transpose_a=True)
        d_bias -= share * tf.reduce_sum(weights)
    return d_hidden, d_kernel, d_bias
