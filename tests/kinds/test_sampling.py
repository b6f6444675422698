"""Sampled classes against the sum over all, and against the formula by autodiff."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads.any.network import Negatives, Sampler
from kinds.heads.classification.sampling import build_sampler, flattened, sampled_softmax_rows

ROWS, WIDTH, CLASSES = 9, 4, 30
Rows = Callable[[tf.Tensor, tf.Variable, tf.Variable], tf.Tensor]


def layer() -> tuple[tf.Tensor, tf.Variable, tf.Variable, tf.Tensor]:
    draw = np.random.default_rng(0)
    x, w, b = (draw.normal(size=s) for s in ((ROWS, WIDTH), (CLASSES, WIDTH), (CLASSES,)))
    labels = tf.constant(draw.integers(CLASSES, size=ROWS), tf.int32)
    return (
        tf.constant(x, tf.float32),
        tf.Variable(np.float32(w)),
        tf.Variable(np.float32(b)),
        labels,
    )


def sampler(negatives: int) -> Sampler:
    shares = np.arange(1, CLASSES + 1) / np.arange(1, CLASSES + 1).sum()
    return Sampler(flattened(shares), negatives, seed=1)


def sampled(labels: tf.Tensor, drawn: Negatives, products: tf.DType = tf.float32) -> Rows:
    return lambda x, w, b: sampled_softmax_rows(x, rows_of(w, b), labels, drawn, products)


def rows_of(w: tf.Variable, b: tf.Variable) -> Any:
    return lambda ids: (tf.gather(w, ids), tf.gather(b, ids))


def losses_and_gradients(
    function: Rows, x: tf.Tensor, w: tf.Variable, b: tf.Variable
) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        tape.watch(x)
        rows = function(x, w, b)
    return [tf.convert_to_tensor(t).numpy() for t in (rows, *tape.gradient(rows, [x, w, b]))]


def test_the_estimated_sum_is_the_exact_one_on_average() -> None:
    x, w, b, labels = layer()
    z = x.numpy() @ w.numpy().T + b.numpy()
    own = z[np.arange(ROWS), labels]
    draws, few = 3_000, sampler(8)
    sums = np.zeros((draws, ROWS))

    @tf.function(autograph=False)
    def rows_at(step: tf.Tensor) -> tf.Tensor:
        return sampled_softmax_rows(x, rows_of(w, b), labels, few.draw(step))

    for step in range(draws):
        sums[step] = np.exp(rows_at(tf.constant(step)) + own)
    error = sums.std(0) / np.sqrt(draws)
    assert (np.abs(sums.mean(0) - np.exp(z).sum(1)) < 4 * error).all()


def test_smoothing_over_all_classes_is_that_of_the_exact_loss_on_average() -> None:
    """Of what smoothing adds: its gradients too, which are linear in the draws."""
    x, w, b, labels = layer()
    few, share, draws = sampler(8), 0.2, 3_000

    def added(drawn: Negatives) -> Rows:
        def rows(x: tf.Tensor, w: tf.Variable, b: tf.Variable) -> tf.Tensor:
            parts = (x, rows_of(w, b), labels, drawn, tf.float32)
            return sampled_softmax_rows(*parts, share, CLASSES) - sampled_softmax_rows(*parts)

        return rows

    def exact(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        z = tf.matmul(x, w, transpose_b=True) + b
        return share * (tf.gather(z, labels, batch_dims=1) - tf.reduce_mean(z, axis=1))

    found: list[list[np.ndarray]] = []
    for step in range(0, draws, 10):
        found.append(losses_and_gradients(added(few.draw(tf.constant(step))), x, w, b))
    for expected, *ours in zip(losses_and_gradients(exact, x, w, b), *found, strict=True):
        values = np.stack(ours)
        error = values.std(0) / np.sqrt(len(values)) + 1e-6
        assert (np.abs(values.mean(0) - expected) < 5 * error).all()


def test_loss_and_gradients_are_those_of_the_formula() -> None:
    x, w, b, labels = layer()
    drawn = sampler(12).draw(tf.constant(3))
    ids, log_q = drawn.ids.numpy(), drawn.log_expected.numpy()

    def formula(x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        z = tf.matmul(x, w, transpose_b=True) + b
        losses = []
        for row, label in enumerate(labels.numpy()):
            others = [tf.exp(z[row, j] - c) for j, c in zip(ids, log_q, strict=True) if j != label]
            losses.append(tf.math.log(tf.exp(z[row, label]) + tf.add_n(others)) - z[row, label])
        return tf.stack(losses)

    expected_ones = losses_and_gradients(formula, x, w, b)
    found = losses_and_gradients(sampled(labels, drawn), x, w, b)
    for expected, ours in zip(expected_ones, found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_bfloat16_products_change_loss_and_gradients_by_their_rounding_only() -> None:
    x, w, b, labels = layer()
    drawn = sampler(12).draw(tf.constant(3))
    exact_ones, rounded_ones = (
        losses_and_gradients(sampled(labels, drawn, products), x, w, b)
        for products in (tf.float32, tf.bfloat16)
    )
    # 8 bits of every factor, logit and share; logits of some 4 err by up to 4 / 256.
    for exact, rounded in zip(exact_ones, rounded_ones, strict=True):
        error = np.linalg.norm(rounded - exact) / np.linalg.norm(exact)
        assert 0 < error < 2**-6


def test_a_draw_of_the_rows_own_label_counts_for_the_other_rows_only() -> None:
    x, w, b, _ = layer()
    labels = tf.constant([2] * (ROWS - 1) + [5], tf.int32)
    drawn = Negatives(tf.constant([2, 2]), tf.zeros([2]))
    rows = sampled_softmax_rows(x, rows_of(w, b), labels, drawn).numpy()
    assert (rows[:-1] == 0).all()
    assert rows[-1] > 0


def test_the_draws_follow_q_and_come_again_for_the_same_seed_and_step() -> None:
    many = sampler(200_000)
    drawn = many.draw(tf.constant(5))
    np.testing.assert_array_equal(drawn.ids, many.draw(tf.constant(5)).ids)
    assert (drawn.ids.numpy() != many.draw(tf.constant(6)).ids.numpy()).any()
    share = np.bincount(drawn.ids, minlength=CLASSES) / 200_000
    np.testing.assert_allclose(share, many.q, atol=4 * np.sqrt(many.q.max() / 200_000))
    np.testing.assert_allclose(drawn.log_expected, np.log(200_000 * many.q)[drawn.ids], rtol=1e-5)


def test_heads_of_few_classes_stay_exact() -> None:
    many, few = (np.log(np.full(classes, 1 / classes)) for classes in (9, 8))
    assert build_sampler(many, negatives=4, seed=1) is not None
    assert build_sampler(few, negatives=4, seed=1) is None
