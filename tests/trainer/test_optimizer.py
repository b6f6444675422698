"""The fused optimizers against Keras's formulas, and the gradients of repeated ids."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.training.optimizer import (
    Optimizer,
    apply,
    build_optimizer,
    distinct_rows,
    merged,
    touched_rows,
)
from trainer.training.rate import learning_rate

RATE = 0.1


def steps(optimizer: Optimizer, gradients: list[tf.Tensor]) -> np.ndarray:
    for gradient in gradients:
        apply(optimizer, [gradient], tf.constant(RATE))
    return np.asarray(optimizer.variables[0].numpy())


def keras_optimizer(kind: str) -> keras.optimizers.Optimizer:
    return {
        "adam": keras.optimizers.Adam(RATE),
        "adagrad": keras.optimizers.Adagrad(RATE),
        "sgd": keras.optimizers.SGD(RATE),
    }[kind]


@pytest.mark.parametrize("kind", ["adam", "adagrad", "sgd"])
def test_equal_to_keras_on_dense_gradients(kind: str) -> None:
    draw = np.random.default_rng(0)
    start = draw.normal(size=(4, 3)).astype(np.float32)
    gradients = [tf.constant(draw.normal(size=(4, 3)), tf.float32) for _ in range(5)]
    ours = steps(build_optimizer(kind, [tf.Variable(start)]), gradients)
    theirs, optimizer = keras.Variable(start), keras_optimizer(kind)
    for gradient in gradients:
        optimizer.apply([gradient], [theirs])
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
def test_an_id_that_is_repeated_in_a_batch_counts_as_one_gradient(kind: str) -> None:
    """What goes wrong without `merged`.

    The gradient of a gather is a tf.IndexedSlices with one entry for each occurrence of an id: for
    ids [1, 1, 1] row 1 is there three times. The true gradient of the row is the sum g1 + g2 + g3,
    so Adam's second moment must grow by (g1 + g2 + g3)^2. Keras 3.15's TensorFlow optimizers
    scatter-add the squares of the entries instead: g1^2 + g2^2 + g3^2. With three equal parts the
    moment is a third of what it should be and later steps are up to sqrt(3) too large. The same
    weights with the gradient made dense (as JAX and PyTorch have it) move by less. Merging the
    entries (unsorted_segment_sum over the row ids) before the optimizer sees them is the whole fix.
    """
    start = np.ones((4, 2), np.float32)
    table = tf.Variable(start)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 1, 1]))
    gradient = tape.gradient(loss, table)
    assert isinstance(gradient, tf.IndexedSlices)
    ours = steps(build_optimizer(kind, [table]), [gradient] * 3)
    dense = tf.constant([[0.0, 0.0], [3.0, 3.0], [0.0, 0.0], [0.0, 0.0]])
    expected = steps(build_optimizer(kind, [tf.Variable(start)]), [dense] * 3)
    np.testing.assert_array_equal(ours, expected)
    if kind == "adam":
        # A constant gradient moves a weight by the learning rate in each step of Adam.
        np.testing.assert_allclose(ours[1], 1 - 3 * RATE, rtol=1e-5)


def test_merging_sums_the_parts_of_a_row() -> None:
    slices = tf.IndexedSlices(
        tf.constant([[1.0], [2.0], [4.0]]), tf.constant([2, 0, 2]), tf.constant([3, 1])
    )
    assert merged(slices).numpy().tolist() == [[2.0], [0.0], [5.0]]


def test_clipping_scales_all_gradients_by_their_common_norm() -> None:
    variables = [tf.Variable([0.0]), tf.Variable([0.0])]
    optimizer = build_optimizer("sgd", variables, clip_norm=1.0)
    apply(optimizer, [tf.constant([3.0]), tf.constant([4.0])], tf.constant(1.0))
    np.testing.assert_allclose([v.numpy()[0] for v in variables], [-0.6, -0.8], rtol=1e-6)


def test_two_optimizers_do_not_share_a_step_counter() -> None:
    variable = tf.Variable([1.0])
    first, second = (build_optimizer("adam", [variable]) for _ in range(2))
    apply(first, [tf.constant([1.0])], tf.constant(RATE))
    assert (int(first.step), int(second.step)) == (1, 0)


def test_a_variable_without_a_gradient_stays_as_it_is() -> None:
    variables = [tf.Variable([1.0]), tf.Variable([1.0])]
    apply(build_optimizer("adam", variables), [None, tf.constant([1.0])], tf.constant(RATE))
    assert variables[0].numpy()[0] == 1.0
    assert variables[1].numpy()[0] < 1.0


def test_the_constant_rate_is_reached_after_the_warm_up() -> None:
    rates = [
        learning_rate(step, base=2.0, schedule="constant", warmup_steps=4, total_steps=9)
        for step in range(6)
    ]
    assert rates == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_weight_decay_is_kerass_adamw_and_spares_biases() -> None:
    """Decoupled (Loshchilov and Hutter 2019, algorithm 2): the gradient's moments do not see it."""
    draw = np.random.default_rng(0)
    starts = [draw.normal(size=shape).astype(np.float32) for shape in ((4, 3), (3,))]
    ours = [tf.Variable(start) for start in starts]
    matrix, bias = (
        keras.Variable(start, name=name) for start, name in zip(starts, "mb", strict=True)
    )
    optimizer = build_optimizer("adam", ours, weight_decay=0.3)
    theirs = keras.optimizers.AdamW(RATE, weight_decay=0.3)
    theirs.exclude_from_weight_decay([bias])
    for _ in range(5):
        gradients = [tf.constant(draw.normal(size=s.shape), tf.float32) for s in starts]
        apply(optimizer, gradients, tf.constant(RATE))
        theirs.apply(gradients, [matrix, bias])
    for mine, other in zip(ours, (matrix, bias), strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=1e-5, atol=1e-5)


def test_decay_comes_every_eighth_step_where_rows_are_updated() -> None:
    matrix = tf.Variable(np.ones([3, 2], np.float32))
    other = tf.Variable(np.ones([3, 2], np.float32))
    optimizer = build_optimizer("sgd", [matrix, other], weight_decay=0.5)
    none = tf.IndexedSlices(tf.zeros([1, 2]), tf.constant([1]), tf.constant([3, 2]))
    seen = []
    for _ in range(17):
        apply(optimizer, [none, tf.zeros([3, 2])], tf.constant(0.02), by_rows=[matrix])
        seen.append((matrix.numpy(), other.numpy()))
    kept = 1 - 8 * 0.02 * 0.5
    for step, found in enumerate(seen, start=1):
        np.testing.assert_allclose(found, np.full([2, 3, 2], kept ** (step // 8)), rtol=1e-6)


def test_the_average_is_the_weighted_mean_of_the_steps_so_far_from_the_first_one_on() -> None:
    variable = tf.Variable([10.0, -3.0])
    optimizer = build_optimizer("sgd", [variable], averaging=0.8)
    seen = []
    for gradient in (1.0, -4.0, 2.5, 0.5):
        apply(optimizer, [tf.fill([2], gradient)], tf.constant(RATE))
        seen.append(variable.numpy())
        weights = 0.8 ** np.arange(len(seen))[::-1]
        expected = np.average(seen, axis=0, weights=weights)
        np.testing.assert_allclose(optimizer.averages[0], expected, rtol=1e-6)


def test_the_rate_falls_along_a_line() -> None:
    said: dict[str, Any] = {"schedule": "linear", "warmup_steps": 2, "total_steps": 6}
    rates = [learning_rate(step, base=1.0, **said) for step in range(8)]
    assert rates == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


@pytest.fixture(params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done on a GPU, done here."""
    found = {"cpu": [], "gpu": ["a GPU"]}[request.param]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: found)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("kind", ["adam", "adagrad", "sgd"])
def test_rows_that_all_have_a_gradient_move_as_a_dense_update_moves_them(kind: str) -> None:
    draw = np.random.default_rng(0)
    start = np.float32(draw.normal(size=(3, 2)))
    dense, rowwise = tf.Variable(start), tf.Variable(start)
    optimizers = [build_optimizer(kind, [v]) for v in (dense, rowwise)]
    for _ in range(3):
        values = tf.constant(draw.normal(size=(5, 2)), tf.float32)
        gradient = tf.IndexedSlices(values, tf.constant([2, 0, 1, 2, 2]), tf.constant([3, 2]))
        apply(optimizers[0], [gradient], tf.constant(0.1))
        apply(optimizers[1], [gradient], tf.constant(0.1), [rowwise])
    np.testing.assert_allclose(rowwise, dense, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("device")
def test_rows_without_a_gradient_keep_their_weights_and_moments() -> None:
    variable = tf.Variable(tf.ones([3, 2]))
    optimizer = build_optimizer("adam", [variable])
    for row in ([0], [1]):
        gradient = tf.IndexedSlices(tf.ones([1, 2]), tf.constant(row), tf.constant([3, 2]))
        apply(optimizer, [gradient], tf.constant(0.1), [variable])
        if row == [0]:
            before = [variable[0], *(slot[0] for slot in optimizer.slots[0])]
    np.testing.assert_array_equal(before, [variable[0], *(slot[0] for slot in optimizer.slots[0])])
    np.testing.assert_array_equal(variable[2], [1.0, 1.0])
    assert float(variable[1, 0]) < 1


def test_an_averaged_gradient_has_the_rows_that_are_not_0() -> None:
    """What several workers have averaged is dense; rows that none of them drew must still rest."""
    for dense in (tf.constant([[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]]), tf.constant([1.0, 0.0, 2.0])):
        assert touched_rows(dense).numpy().tolist() == [True, False, True]
        found = distinct_rows(dense)
        assert found.indices.numpy().tolist() == [0, 2]
        np.testing.assert_array_equal(merged(found), dense)
