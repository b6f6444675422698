"""The mixture of a network with counted memories, against a slow computation and recounting."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import floats

from kinds.heads.classification import network as classification
from kinds.heads.multilabel import network as multilabel
from kinds.inputs.keys import Key
from kinds.memory import mixture as reference
from kinds.memory.keys import Keys
from kinds.memory.label_counts import LabelCounts, of_pairs
from kinds.memory.mixture import Gates, Mixture, Seen
from kinds.memory.network import (
    GateVariables,
    HeadMemory,
    OwnRows,
    Table,
    mixed_loss,
    of_target,
    without,
)
from kinds.memory.network import Seen as Found

ROWS, LABELS = 60, 9
Array = np.ndarray[Any, Any]


class Rows:
    """Rows of a target and of two keys, the second one seldom the same."""

    def __init__(self, seed: int, *, weighted: bool = False, missing: bool = False) -> None:
        draw = np.random.default_rng(seed)
        self.targets = draw.integers(LABELS, size=ROWS)
        self.keys = [draw.integers(3, size=ROWS), draw.integers(30, size=ROWS)]
        self.weights = draw.integers(1, 4, ROWS) / 1.0 if weighted else np.ones(ROWS)
        if missing:
            self.targets[draw.random(ROWS) < 0.2] = -1
        self.gates = Gates(
            draw.normal(size=3), draw.normal(size=(3, 6)), draw.uniform(0.1, 0.9, size=2)
        )
        self.logits = draw.normal(size=(ROWS, LABELS + 1)).astype(np.float32)

    def counts(self, memory: int, kept: Array, most: int = LABELS + 1) -> LabelCounts:
        """Of the rows that are `kept`: bool [rows]."""
        kept = kept & (self.targets >= 0)
        pairs = np.stack([self.keys[memory][kept], self.targets[kept]], axis=1)
        distinct, at = np.unique(pairs, axis=0, return_inverse=True)
        weights = np.bincount(at.ravel(), self.weights[kept])
        rows = np.bincount(at.ravel())
        return of_pairs(distinct[:, 0], distinct[:, 1], weights, rows, most=most)


EVERY = np.ones(ROWS, bool)


# Weight and rows by label.
OfLabels = dict[int, tuple[float, int]]


def slow_probabilities(
    gates: Gates, logits: Array, memories: Sequence[tuple[OfLabels, float]]
) -> Array:
    """One row by the definitions; `memories` are (labels, total)."""
    network = np.exp(logits.astype(np.float64) - np.logaddexp.reduce(logits.astype(np.float64)))
    chain, parts, signs = network, list[Array](), list[float]()
    for (labels, total), d in reversed(list(zip(memories, gates.discounts, strict=True))):
        s = np.zeros_like(network)
        for label, (weight, rows) in labels.items():
            s[label] = max(weight - d * weight / rows, 0) / total
        left = 1 - s.sum()
        chain = s + left * chain
        parts.insert(0, chain)
        signs = [float(total > 0), np.log(1 + total), left, *signs]
    gate = np.exp(gates.bias + gates.weights @ np.array(signs))
    gate /= gate.sum()
    return gate[0] * network + sum(g * q for g, q in zip(gate[1:], parts, strict=True))


def of_row(counts: LabelCounts, key: int) -> tuple[OfLabels, float]:
    place = int(counts.places(np.array([key]))[0])
    if place == len(counts.keys):
        return {}, 0.0
    of = slice(counts.offsets[place], counts.offsets[place + 1])
    pairs = zip((counts.weights[of] / counts.unit).tolist(), counts.rows[of].tolist(), strict=True)
    labels = dict(zip(counts.labels[of].tolist(), pairs, strict=True))
    return labels, counts.totals[place] / counts.unit


@pytest.mark.parametrize("most", [LABELS, 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_reference_is_the_chain_of_the_definition(most: int, weighted: bool) -> None:
    rows = Rows(1, weighted=weighted)
    tables = [rows.counts(k, np.arange(ROWS) < 40, most) for k in range(2)]
    looked_up = [reference.seen(t, rows.keys[k]) for k, t in enumerate(tables)]
    mixed = reference.mixture(rows.gates, looked_up)
    got = reference.log_probabilities(rows.logits, mixed)
    for row in range(ROWS):
        known = [of_row(t, rows.keys[k][row]) for k, t in enumerate(tables)]
        expected = slow_probabilities(rows.gates, rows.logits[row], known)
        np.testing.assert_allclose(np.exp(got[row]), expected, rtol=1e-9)
    np.testing.assert_allclose(np.exp(got).sum(axis=1), 1)
    losses = np.logaddexp.reduce(rows.logits.astype(np.float64), axis=1)
    losses -= rows.logits[np.arange(ROWS), rows.targets]
    of_target = reference.log_loss(losses, mixed, rows.targets)
    np.testing.assert_allclose(of_target, -got[np.arange(ROWS), rows.targets], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_row_left_out_is_as_if_it_had_not_been_counted(weighted: bool) -> None:
    rows = Rows(2, weighted=weighted, missing=True)
    for k in range(2):
        counts = rows.counts(k, EVERY)
        # Recounted in the unit of all the rows.
        left_out = reference.without(
            reference.seen(counts, rows.keys[k]),
            rows.targets,
            rows.weights / counts.unit,
            np.ones(ROWS, int),
        )
        for row in range(ROWS):
            again = rows.counts(k, np.arange(ROWS) != row)
            labels, total = of_row(again, rows.keys[k][row])
            scale = again.unit / counts.unit
            there = left_out.rows[row] > 0
            found = left_out.labels[row], left_out.weights[row], left_out.rows[row]
            got = {label: (w, n) for label, w, n in zip(*(of[there] for of in found), strict=True)}
            assert got.keys() == labels.keys()
            for label, (weight, times) in labels.items():
                assert got[label] == (pytest.approx(scale * weight), times)
            assert left_out.totals[row] == pytest.approx(scale * total)


def test_a_label_that_is_not_kept_leaves_the_total_all_the_same() -> None:
    counts = of_pairs(
        np.zeros(2, int), np.array([4, 7]), np.array([3.0, 1.0]), np.array([3, 1]), most=1
    )
    seen = reference.seen(counts, np.array([0]))
    left_out = reference.without(seen, np.array([7]), np.ones(1), np.ones(1, int))
    assert (left_out.labels.tolist(), left_out.weights.tolist()) == ([[4]], [[3.0]])
    assert left_out.totals.tolist() == [3.0]


def test_a_value_of_one_row_is_unknown_to_that_row_and_the_gates_fall_back() -> None:
    counts = of_pairs(np.array([5]), np.array([2]), np.ones(1), np.ones(1, int), most=4)
    seen = reference.seen(counts, np.array([5]))
    seen = reference.without(seen, np.array([2]), np.ones(1), np.ones(1, int))
    mixed = reference.mixture(Gates.start(1), [seen])
    assert mixed.share.tolist() == [1.0] and not mixed.masses.any()


def test_the_scale_of_the_weights_changes_nothing() -> None:
    rows = Rows(3)
    once = reference.seen(rows.counts(0, EVERY), rows.keys[0])
    rows.weights = 0.01 * rows.weights
    again = reference.seen(rows.counts(0, EVERY), rows.keys[0])
    for name in ("labels", "weights", "rows", "totals"):
        np.testing.assert_allclose(getattr(once, name), getattr(again, name))


def test_gates_are_one_vector_and_back() -> None:
    gates = Rows(4).gates
    again = Gates.from_flat(gates.flat())
    for name, values in gates.arrays().items():
        np.testing.assert_allclose(values, again.arrays()[name])


def head_memory(rows: Rows, most: int = LABELS + 1) -> HeadMemory:
    variables = GateVariables.start("head", 2)
    variables.assign(rows.gates.flat())

    tables = [
        Table(f"m{k}", rows.counts(k, EVERY, most), Keys((Key(f"key{k}", 2**62),)))
        for k in range(2)
    ]
    return HeadMemory(tuple(tables), variables, tf.zeros([LABELS + 1]))


def features_of(rows: Rows) -> dict[str, tf.Tensor]:
    return {f"key{k}": tf.constant(keys, tf.int64) for k, keys in enumerate(rows.keys)}


def numpy_mixture(rows: Rows, counted: Rows, most: int, *, left_out: bool) -> Mixture:
    memories: list[Seen] = []
    for k in range(2):
        counts = counted.counts(k, EVERY, most)
        found = reference.seen(counts, rows.keys[k])
        if left_out:
            own = rows.weights / counts.unit, np.ones(ROWS, int)
            found = reference.without(found, rows.targets, *own)
        memories.append(found)
    return reference.mixture(rows.gates, memories)


@pytest.mark.parametrize("most", [LABELS + 1, 2])
@pytest.mark.parametrize("left_out", [False, True])
def test_tensorflow_mixes_as_the_reference_does(most: int, left_out: bool) -> None:
    rows = Rows(5, weighted=True, missing=True)
    memory = head_memory(rows, most)
    rows.keys[0][:5] = -1
    rows.keys[1][:9] = 2**60
    weights = np.where(rows.targets >= 0, rows.weights, 0)
    own = OwnRows(tf.constant(rows.targets, tf.int32), tf.constant(weights, tf.float32))
    got = memory.mixture(features_of(rows), own if left_out else None)
    expected = numpy_mixture(rows, Rows(5, weighted=True, missing=True), most, left_out=left_out)
    np.testing.assert_allclose(got.share, expected.share, rtol=1e-5)
    logits = tf.constant(rows.logits)
    np.testing.assert_allclose(
        classification.mixed(logits, got),
        reference.log_probabilities(rows.logits, expected),
        rtol=1e-5,
        atol=1e-6,
    )


def test_what_gates_read_of_the_hidden_vector_is_a_bias_of_each_row() -> None:
    rows, draw = Rows(13), np.random.default_rng(13)
    memory, hidden = head_memory(rows).reading(5), draw.normal(size=(ROWS, 5)).astype(np.float32)
    tables = [rows.counts(k, EVERY) for k in range(2)]
    seen = [reference.seen(table, rows.keys[k]) for k, table in enumerate(tables)]
    gates = replace(rows.gates, hidden=draw.normal(size=(3, 5)))
    memory.take(gates)
    got = reference.mixture(gates, seen, hidden)
    log_p = reference.log_probabilities(rows.logits, got)
    for row in range(ROWS):
        known = [of_row(table, rows.keys[k][row]) for k, table in enumerate(tables)]
        own = replace(rows.gates, bias=rows.gates.bias + gates.hidden @ hidden[row])
        expected = slow_probabilities(own, rows.logits[row], known)
        np.testing.assert_allclose(np.exp(log_p[row]), expected, rtol=1e-6)
    by_tensors = memory.mixture(features_of(rows), hidden=tf.constant(hidden))
    np.testing.assert_allclose(by_tensors.share, got.share, rtol=1e-4)
    masses = np.concatenate(by_tensors.masses, axis=1)
    np.testing.assert_allclose(masses.sum(1), got.masses.sum(1), rtol=1e-4)
    for name, values in memory.learned().arrays().items():
        np.testing.assert_allclose(values, gates.arrays()[name], rtol=1e-5)
    memory.take(rows.gates)
    alone = memory.mixture(features_of(rows))
    again = memory.mixture(features_of(rows), hidden=tf.constant(hidden))
    for ours, plain in zip(*map(tf.nest.flatten, (again, alone)), strict=True):
        np.testing.assert_array_equal(ours, plain)
    assert set(memory.learned().arrays()) == {"bias", "weights", "discounts"}


def test_the_gradient_of_the_gates_is_that_of_the_dense_mixture() -> None:
    rows = Rows(6)
    memory, targets = head_memory(rows), tf.constant(rows.targets, tf.int32)
    own = OwnRows(targets, tf.constant(rows.weights, tf.float32))
    logits, results = tf.constant(rows.logits), []
    for dense in (False, True):
        with tf.GradientTape() as tape:
            mixed = memory.mixture(features_of(rows), own)
            if dense:
                log_p = classification.mixed(logits, mixed)
                losses = -tf.gather(log_p, targets, batch_dims=1)
            else:
                alone = -tf.gather(tf.nn.log_softmax(logits), targets, batch_dims=1)
                losses = mixed_loss(alone, of_target(mixed, targets))
            total = tf.reduce_sum(losses)
        results.append([losses, *tape.gradient(total, memory.gates.variables())])
    for ours, autodiff in zip(*results, strict=True):
        np.testing.assert_allclose(ours, autodiff, rtol=2e-4, atol=2e-5)


def test_no_mass_at_all_leaves_the_network_alone_and_every_gradient_finite() -> None:
    rows = Rows(10)
    memory, targets = head_memory(rows), tf.constant(rows.targets, tf.int32)
    features = {name: keys + 1000 for name, keys in features_of(rows).items()}
    logits = tf.constant(rows.logits)
    alone = -tf.gather(tf.nn.log_softmax(logits), targets, batch_dims=1)
    with tf.GradientTape() as tape:
        mixed = memory.mixture(features)
        losses = mixed_loss(alone, of_target(mixed, targets))
    np.testing.assert_allclose(losses, alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        classification.mixed(logits, mixed).numpy().argsort(axis=1), rows.logits.argsort(axis=1)
    )
    for gradient in tape.gradient(losses, memory.gates.variables()):
        assert np.isfinite(floats(tf.convert_to_tensor(gradient))).all()


def test_of_several_labels_each_is_shrunk_to_what_comes_next() -> None:
    """One memory: (c + b sigmoid(z)) / (n + b), and the gate mixes it with the network."""
    rows, discount = Rows(11), 0.6
    counts = rows.counts(0, EVERY)
    gates = Gates(np.zeros(2), np.zeros((2, 3)), np.array([discount]))
    mixed = reference.mixture(gates, [reference.seen(counts, rows.keys[0])], several=True)
    odds = reference.log_odds(rows.logits, mixed)
    further = discount / (1 - discount)
    for row in range(ROWS):
        labels, total = of_row(counts, rows.keys[0][row])
        network = 1 / (1 + np.exp(-rows.logits[row].astype(np.float64)))
        of_label = np.array([labels.get(label, (0.0, 0))[0] for label in range(LABELS + 1)])
        counted = (of_label + further * network) / (total + further)
        expected = (network + counted) / 2
        np.testing.assert_allclose(1 / (1 + np.exp(-odds[row])), expected, rtol=1e-6)


def test_tensorflow_mixes_several_labels_as_the_reference_does() -> None:
    rows = Rows(12)
    memory = replace(head_memory(rows), several=True)
    got = memory.mixture(features_of(rows))
    seen = [reference.seen(rows.counts(k, EVERY), rows.keys[k]) for k in range(2)]
    expected = reference.log_odds(rows.logits, reference.mixture(rows.gates, seen, several=True))
    logits = tf.constant(rows.logits)
    np.testing.assert_allclose(multilabel.mixed(logits, got), expected, rtol=1e-4, atol=1e-5)
    sets = np.stack([rows.targets, (rows.targets + 1) % LABELS], axis=1)
    is_label = np.zeros(rows.logits.shape, np.int8)
    np.put_along_axis(is_label, sets, 1, axis=1)
    losses = multilabel.mixed_losses({"logits": logits, "labels": tf.constant(is_label)}, got)
    p = 1 / (1 + np.exp(-expected))
    slow = -np.where(is_label, np.log(p), np.log1p(-p)).sum(axis=1)
    np.testing.assert_allclose(losses, slow, rtol=1e-4)


def test_a_row_of_several_labels_is_left_out_with_all_of_them() -> None:
    weights = tf.constant([[3.0, 2.0, 1.0]])
    seen = Found(tf.constant([[2, 5, 7]]), weights, weights, tf.constant([4.0]))
    own = OwnRows(tf.constant([[5, 7, -2]]), tf.ones([1]))
    left = without(seen, own, tf.ones([1]), tf.ones([1], tf.int32))
    assert left.weights.numpy().tolist() == [[3.0, 1.0, 0.0]] and float(left.totals[0]) == 3.0
    assert left.rows.numpy().tolist() == [[3.0, 1.0, 0.0]]
