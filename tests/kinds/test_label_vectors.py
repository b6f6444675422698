"""Weights of labels that have features: against sums written out, and what is learned of them."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from kinds.heads.any.label_vectors import LabelVectors
from kinds.heads.any.network import LossRows, Negatives, OutputLayer
from kinds.heads.classification import network as classification
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.features import FeatureRows
from kinds.heads.multilabel import network as multilabel
from kinds.heads.multilabel.spec import Multilabel

WIDTH = 3
NAMES = [("genre", "war"), ("genre", "comedy"), ("title", "old")]
# The values of five labels; of the second and the last there is no training row.
VALUES = [[0, 1], [1, 2], [], [2], [0]]
WEIGHTS = [[0.5, 0.5], [1.0, 1.0], [], [1.0], [1.0]]
LEARNED = [True, False, True, True, False]


def rows() -> FeatureRows:
    return FeatureRows(
        np.cumsum([0, *map(len, VALUES)]),
        np.array([value for own in VALUES for value in own], np.int32),
        np.array([weight for own in WEIGHTS for weight in own], np.float32),
        np.array(LEARNED),
        NAMES,
    )


def layer(*, own: bool = True, others: int = 1) -> OutputLayer:
    draw = np.random.default_rng(4)

    def variable(*shape: int) -> tf.Variable:
        return tf.Variable(draw.normal(size=shape).astype(np.float32))

    learned = sum(LEARNED) + others
    features = LabelVectors(
        variable(len(NAMES), WIDTH), variable(len(NAMES), 1), rows(), len(LEARNED) + others
    )
    part = (Classification if others else Multilabel)(vocabulary="film", label_vectors="both")
    kernel = variable(learned if own else others, WIDTH)
    return OutputLayer("film", part, kernel, variable(learned), None, False, features=features)


def expected(one: OutputLayer) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of all outputs, label by label."""
    assert one.features is not None
    table = np.concatenate([one.features.table, one.features.biases], axis=1)
    own, bias = one.kernel.numpy(), one.bias.numpy()
    others = one.outputs - len(LEARNED)
    typical, at = bias[: len(bias) - others].mean(), 0
    kernels, biases = [], []
    for label in range(one.outputs):
        made = np.zeros(WIDTH + 1, np.float32)
        is_label = label < len(LEARNED)
        if is_label:
            for value, weight in zip(VALUES[label], WEIGHTS[label], strict=True):
                made += weight * table[value]
        start = typical
        if not is_label or LEARNED[label]:
            start = bias[at]
            if len(own) == len(bias):
                made[:-1] += own[at]
            elif not is_label:
                made[:-1] += own[0]
            at += 1
        kernels.append(made[:-1])
        biases.append(made[-1] + start)
    return np.array(kernels), np.array(biases)


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("others", [0, 1])
def test_weights_are_the_sums_of_what_a_labels_values_say(own: bool, others: int) -> None:
    one = layer(own=own, others=others)
    kernel, bias = expected(one)
    for found, wanted in zip(one.weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    is_learned = np.array([*LEARNED, *[True] * others])
    for found, wanted in zip(one.learned_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(found, wanted[is_learned], rtol=1e-5, atol=1e-6)
    places = tf.constant([2, 0, 2])
    for found, wanted in zip(one.rows_at(places), one.learned_weights(), strict=True):
        np.testing.assert_allclose(found, wanted.numpy()[[2, 0, 2]], rtol=1e-5, atol=1e-6)


def test_labels_have_their_places_among_those_that_are_learned() -> None:
    """An unknown label, and one without training rows, is the class of all others."""
    places = layer().learned_at(tf.constant([0, 2, 3, 5, 1, -1]))
    assert places.numpy().tolist() == [0, 1, 2, 3, 3, -1]


def test_a_step_learns_as_if_new_labels_were_not_there() -> None:
    one, hidden = layer(), tf.constant(np.eye(2, WIDTH), tf.float32)
    with tf.GradientTape() as tape:
        found = classification.loss(one, hidden, LossRows(tf.constant([3, 5]), tf.ones([2])))
    kernel, bias = (part.numpy() for part in one.learned_weights())
    z = hidden.numpy() @ kernel.T + bias
    losses = np.log(np.exp(z).sum(1)) - z[[0, 1], [2, 3]]
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)
    # One step of 1e-3 along the gradient takes off as much as its square says.
    gradients = tape.gradient(found.total, one.variables())
    fall = 0.0
    for variable, gradient in zip(one.variables(), gradients, strict=True):
        fall += float(tf.reduce_sum(tf.square(gradient)))
        variable.assign_sub(1e-3 * tf.convert_to_tensor(gradient))
    after = classification.loss(one, hidden, LossRows(tf.constant([3, 5]), tf.ones([2])))
    assert float(found.total - after.total) == pytest.approx(1e-3 * fall, rel=0.02)


def test_gradients_are_those_of_the_matrix_of_weights_written_out() -> None:
    one = layer()
    assert one.features is not None
    places = np.flatnonzero([*LEARNED, True])
    matrix = np.zeros([len(LEARNED) + 1, len(NAMES)], np.float32)
    for label, (values, weights) in enumerate(zip(VALUES, WEIGHTS, strict=True)):
        matrix[label, values] = weights
    of_made = np.random.default_rng(5).normal(size=[len(places), WIDTH]).astype(np.float32)
    of_biases = of_made[:, 0] ** 2
    with tf.GradientTape() as tape:
        made, biases = one.features.of_learned()
        total = tf.reduce_sum(made * of_made) + tf.reduce_sum(biases * of_biases)
    table, bias = tape.gradient(total, one.features.variables())
    np.testing.assert_allclose(table, matrix[places].T @ of_made, rtol=1e-5)
    np.testing.assert_allclose(bias, matrix[places].T @ of_biases[:, None], rtol=1e-5)


def test_labels_none_of_which_has_a_value_are_what_they_are_without() -> None:
    bare = FeatureRows(
        np.zeros(4, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), np.ones(3, bool), []
    )
    table, biases = tf.Variable(tf.zeros([0, WIDTH])), tf.Variable(tf.zeros([0, 1]))
    made, more = LabelVectors(table, biases, bare, 3).of_learned()
    np.testing.assert_array_equal(made, np.zeros([3, WIDTH]))
    np.testing.assert_array_equal(more, np.zeros(3))


@pytest.mark.parametrize("own", [True, False])
def test_sampled_classes_are_those_that_are_learned(own: bool) -> None:
    """With each learned class drawn once the estimate is the exact loss."""
    one, hidden = layer(own=own), tf.constant(np.eye(2, WIDTH), tf.float32)
    drawn = Negatives(tf.range(4), tf.zeros([4]))
    exact = classification.loss(one, hidden, LossRows(tf.constant([0, 3]), tf.ones([2])))
    rows = LossRows(tf.constant([0, 3]), tf.ones([2]), tf.float32, drawn)
    found = classification.loss(one, hidden, rows)
    np.testing.assert_allclose(found.losses, exact.losses, rtol=1e-5)


def test_sets_of_labels_learn_from_those_that_training_rows_have() -> None:
    one, hidden = layer(others=0), tf.constant(np.eye(2, WIDTH), tf.float32)
    sets = tf.constant([[0, 3], [2, -2]])
    found = multilabel.loss(one, hidden, LossRows(sets, tf.ones([2])))
    kernel, bias = (part.numpy() for part in one.learned_weights())
    z = hidden.numpy() @ kernel.T + bias
    losses = np.log1p(np.exp(z)).sum(1) - [z[0, 0] + z[0, 2], z[1, 1]]
    np.testing.assert_allclose(found.losses, losses, rtol=1e-5)


def test_values_keep_what_was_learned_of_them_by_their_names() -> None:
    one = layer()
    assert one.features is not None
    earlier = one.features.arrays()
    names = [("title", "old"), ("genre", "new"), ("genre", "war")]
    later = replace(rows(), names=names)
    table, biases = tf.Variable(tf.ones([3, WIDTH])), tf.Variable(tf.ones([3, 1]))
    made = LabelVectors(table, biases, later, 6)
    made.carry(earlier)
    for found, old in ((made.table, earlier["vectors"]), (made.biases, earlier["biases"])):
        np.testing.assert_array_equal(found, [old[2], 0 * old[0], old[0]])
