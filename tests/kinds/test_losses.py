"""The losses against TensorFlow's own, differentiated by TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import floats

from kinds.heads.any.network import known
from kinds.heads.binary.network import losses as binary_losses
from kinds.heads.classification import softmax
from kinds.heads.classification.softmax import softmax_sum
from kinds.heads.count.network import losses as deviances
from kinds.heads.multilabel.network import set_losses

ROWS, WIDTH, CLASSES = 37, 5, 11


def layer(seed: int = 0) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    draw = np.random.default_rng(seed)
    x, w, b = (
        tf.constant(draw.normal(size=shape), tf.float32)
        for shape in ((ROWS, WIDTH), (CLASSES, WIDTH), (CLASSES,))
    )
    labels = tf.constant(draw.integers(CLASSES, size=ROWS), tf.int32)
    return x, w, b, labels, tf.constant(draw.random(ROWS), tf.float32)


def stock_sum(
    x: tf.Tensor,
    w: tf.Tensor,
    b: tf.Tensor,
    labels: tf.Tensor,
    weights: tf.Tensor,
    smoothing: float,
) -> tf.Tensor:
    z = tf.matmul(x, w, transpose_b=True) + b
    target = tf.one_hot(labels, CLASSES) * (1 - smoothing) + smoothing / CLASSES
    return tf.reduce_sum(weights * tf.nn.softmax_cross_entropy_with_logits(target, z))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("rows_at_once", [8, ROWS])
def test_the_softmax_and_its_gradient_equal_autodiff(
    smoothing: float, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax, "ROWS_AT_LEAST", rows_at_once)
    monkeypatch.setattr(softmax, "LOGITS_AT_ONCE", 1)
    x, w, b, labels, weights = layer()
    results = []
    for total_of in (lambda *a: softmax_sum(*a)[0], stock_sum):
        with tf.GradientTape() as tape:
            tape.watch([x, w, b])
            total = 3 * total_of(x, w, b, labels, weights, smoothing)
        results.append([total, *tape.gradient(total, [x, w, b])])
    for ours, stock in zip(*results, strict=True):
        np.testing.assert_allclose(ours, stock, rtol=1e-5, atol=1e-6 * 3)


def test_the_softmax_gives_each_row_its_loss() -> None:
    x, w, b, labels, weights = layer()
    total, rows = softmax_sum(x, w, b, labels, weights)
    z = x.numpy() @ w.numpy().T + b.numpy()
    expected = np.log(np.exp(z).sum(1)) - z[np.arange(ROWS), labels]
    np.testing.assert_allclose(rows, expected, rtol=1e-5)
    np.testing.assert_allclose(total, expected @ weights.numpy(), rtol=1e-5)


def test_logits_that_would_overflow_exp_do_not() -> None:
    """Nor does a label count for nothing whose share is less than a float32 can hold."""
    x, w, b, labels, weights = layer()
    for scale in (10, 100):
        total, rows = softmax_sum(scale * x, scale * w, b, labels, weights)
        assert np.isfinite(total) and rows.numpy().max() > 100
        stock = stock_sum(scale * x, scale * w, b, labels, weights, 0.0)
        np.testing.assert_allclose(total, stock, rtol=1e-5)


def test_rows_of_weight_zero_have_exactly_no_gradient() -> None:
    x, w, b, labels, weights = layer()
    with tf.GradientTape() as tape:
        tape.watch([x, w, b])
        total, _ = softmax_sum(x, w, b, labels, 0 * weights)
    for gradient in tape.gradient(total, [x, w, b]):
        assert not gradient.numpy().any()


def test_missing_targets_become_harmless_placeholders() -> None:
    target, there = known(tf.constant([1.0, np.nan]))
    assert target.numpy().tolist() == [1.0, 0.0]
    assert there.numpy().tolist() == [1.0, 0.0]
    assert known(tf.constant([-1, 4]))[0].numpy().tolist() == [0, 4]


def test_multilabel_is_the_sum_of_a_sigmoid_for_each_class() -> None:
    draw = np.random.default_rng(0)
    z = tf.constant(draw.normal(size=(3, 4)), tf.float32)
    labels = tf.constant([[0, 3], [2, -2], [-2, -2]], tf.int32)
    yes = tf.constant([[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], tf.float32)
    expected = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(yes, z), axis=1)
    np.testing.assert_allclose(set_losses(z, labels), expected, rtol=1e-6)


def test_binary_is_the_log_of_the_probability() -> None:
    logit = np.array([0.3, -2.0], np.float32)
    p = 1 / (1 + np.exp(-logit))
    expected = [-np.log(p[0]), -np.log(1 - p[1])]
    np.testing.assert_allclose(binary_losses(logit, floats([1, 0])), expected, rtol=1e-6)


def test_the_deviance_has_the_gradient_of_poisson_and_is_zero_when_right() -> None:
    log_rate = tf.constant([0.5, -1.0, 2.0])
    target = tf.constant([0.0, 1.0, 7.0])
    with tf.GradientTape() as tape:
        tape.watch(log_rate)
        rows = deviances(log_rate, target)
    expected = 2 * (np.exp(log_rate) - target)
    np.testing.assert_allclose(tape.gradient(rows, log_rate), expected, rtol=1e-5)
    right = deviances(tf.math.log(tf.constant([1.0, 7.0])), tf.constant([1.0, 7.0]))
    np.testing.assert_allclose(right, 0, atol=1e-5)


def test_products_in_bfloat16_change_loss_and_gradient_by_their_rounding_only() -> None:
    x, w, b, labels, weights = layer()
    results = []
    for products in (tf.float32, tf.bfloat16):
        with tf.GradientTape() as tape:
            tape.watch([x, w, b])
            total, _ = softmax_sum(x, w, b, labels, weights, 0.0, products)
        results.append([total, *tape.gradient(total, [x, w, b])])
    for exact, rounded in zip(*results, strict=True):
        error = np.linalg.norm(exact - rounded) / np.linalg.norm(exact)
        assert 0 < error < 2**-6


def test_sums_over_many_classes_do_not_lose_bits_to_bfloat16() -> None:
    draw, classes = np.random.default_rng(0), 25_001
    w = tf.constant(draw.normal(size=(classes, WIDTH)), tf.float32)
    b = tf.constant(-np.log1p(np.arange(classes)), tf.float32)
    x, _, _, labels, weights = layer()
    exact, rounded = (
        softmax_sum(x, w, b, labels, weights, 0.0, products)[1].numpy()
        for products in (tf.float32, tf.bfloat16)
    )
    # Of a loss two terms are rounded: the label's logit and the logarithm of its share.
    assert np.abs(exact - rounded).max() < 2**-8 * (np.abs(exact).max() + 1)


@pytest.mark.parametrize("products", [tf.float32, tf.bfloat16])
def test_xla_compiles_the_softmax_to_the_same_numbers(products: tf.DType) -> None:
    x, w, b, labels, weights = layer()

    def gradients(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, w, b])
            total, _ = softmax_sum(x, w, b, labels, weights, 0.1, products)
        return [total, *tape.gradient(total, [x, w, b])]

    compiled = tf.function(gradients, jit_compile=True, autograph=False)
    tolerance = 1e-5 if products == tf.float32 else 2e-2
    for ours, same in zip(compiled(x, w, b), gradients(x, w, b), strict=True):
        np.testing.assert_allclose(ours, same, rtol=tolerance, atol=tolerance)
