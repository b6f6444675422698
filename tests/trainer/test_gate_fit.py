"""Gates that read a head's hidden vector, on made-up rows."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from kinds.inputs.keys import Key
from kinds.memory.keys import Keys
from kinds.memory.label_counts import of_pairs
from kinds.memory.network import GateVariables, HeadMemory, Table, mixed_loss, of_target
from trainer.evaluation.gate_fit import (
    DEVIATION_OF_HIDDEN,
    GateRows,
    Objective,
    fit_with_hidden,
    fitted,
    principal,
)

Array = np.ndarray[Any, Any]
KIND, ROWS, WIDTH, LABELS = "classification", 400, 12, 10


class Case:
    """The network knows the label of every second row, the memory that of the others. Where it
    `tells`, the hidden vector says which is which."""

    def __init__(self, seed: int, *, tells: bool) -> None:
        draw = np.random.default_rng(seed)
        knows = draw.random(ROWS) < 0.5
        self.targets = draw.integers(LABELS, size=ROWS)
        others = (self.targets + draw.integers(1, LABELS, ROWS)) % LABELS
        self.keys = np.where(knows, others, self.targets)
        self.losses = np.where(knows, 0.1, 5.0)
        self.hidden = draw.normal(size=(ROWS, WIDTH), scale=0.3) + 5.0
        self.hidden[:, 3] += 2.0 * (knows if tells else draw.random(ROWS) < 0.5)

    def rows(self, memory: HeadMemory) -> GateRows:
        alone = {
            "loss": tf.constant(self.losses, tf.float32),
            "target": tf.constant(self.targets, tf.int32),
        }
        seen = tuple(memory.seen({"key": tf.constant(self.keys, tf.int64)}))
        return GateRows(alone, tf.ones([ROWS]), seen, tf.constant(self.hidden, tf.float32))

    def judged(self, memory: HeadMemory) -> Array:
        """The losses of the rows by the gates as they stand."""
        features = {"key": tf.constant(self.keys, tf.int64)}
        mixed = memory.mixture(features, hidden=tf.constant(self.hidden, tf.float32))
        target = of_target(mixed, tf.constant(self.targets, tf.int32))
        return np.asarray(mixed_loss(tf.constant(self.losses, tf.float32), target), np.float64)


@pytest.fixture
def memory() -> HeadMemory:
    """The value of a key has ten rows, nine of them with the label of the same number."""
    labels = np.arange(LABELS)
    keys = np.repeat(labels, 2)
    pairs = np.stack([labels, (labels + 1) % LABELS], axis=1).ravel()
    weights = np.tile([9.0, 1.0], LABELS)
    counts = of_pairs(keys, pairs, weights, weights.astype(int), most=64)
    table = Table("by_key", counts, Keys((Key("key", LABELS),)))
    gates = GateVariables.start("head", 1)
    return HeadMemory((table,), gates, tf.zeros([LABELS + 1])).reading(WIDTH)


def test_a_hidden_vector_that_tells_where_the_network_is_right_is_read(memory: HeadMemory) -> None:
    """On other rows the loss is then lower by far; so is what the file and a resumed run have."""
    case, other = Case(1, tells=True), Case(2, tells=True)
    memory.gates.assign(fitted(KIND, memory, case.rows(memory).reading(np.zeros((ROWS, 0)))))
    without = other.judged(memory).mean()
    fit_with_hidden(KIND, memory, case.rows(memory))
    with_hidden = other.judged(memory)
    assert with_hidden.mean() < 0.7 * without
    gates = memory.learned()
    assert gates.hidden is not None and gates.hidden.shape == (2, WIDTH)
    assert np.abs(gates.hidden).max(axis=0).argmax() == 3
    again = HeadMemory(memory.tables, GateVariables.start("head", 1), memory.constant)
    again = again.reading(WIDTH)
    again.take(gates)
    np.testing.assert_allclose(other.judged(again), with_hidden, rtol=1e-5)


def test_gates_are_as_ever_where_the_hidden_vector_tells_nothing(memory: HeadMemory) -> None:
    case = Case(3, tells=False)
    expected = fitted(KIND, memory, case.rows(memory).reading(np.zeros((ROWS, 0))))
    memory.gates.assign(np.zeros_like(expected))
    fit_with_hidden(KIND, memory, case.rows(memory))
    assert memory.learned().hidden is None
    np.testing.assert_array_equal(memory.gates.flat(), expected.astype(np.float32))


def test_a_network_without_inputs_has_nothing_to_read(memory: HeadMemory) -> None:
    case = Case(4, tells=True)
    case.hidden[:] = 0.25
    assert principal(case.hidden.astype(np.float32)).axes.shape == (WIDTH, 0)
    fit_with_hidden(KIND, memory, case.rows(memory))
    assert memory.learned().hidden is None


def test_the_objective_is_the_mean_loss_and_a_prior_of_two_deviations(memory: HeadMemory) -> None:
    """With the gradient of its difference quotients."""
    case = Case(5, tells=True)
    directions = principal(case.hidden)
    objective = Objective(KIND, memory, case.rows(memory).reading(directions.of(case.hidden)))
    count = len(memory.gates.flat())
    point = np.random.default_rng(6).normal(size=count + 2 * directions.axes.shape[1], scale=0.5)
    value, gradient = objective(point)
    gates, weights = np.split(point, [count])
    prior = ((gates / 3.0) ** 2).sum() + ((weights / DEVIATION_OF_HIDDEN) ** 2).sum()
    rows = case.rows(memory).reading(directions.of(case.hidden))
    losses = objective.losses(point, rows)
    assert value == pytest.approx(losses.mean() + prior / 2 / ROWS, rel=1e-5)
    for at in (0, count - 1, count, len(point) - 1):
        step = np.zeros_like(point)
        step[at] = 1e-2
        slope = (objective(point + step)[0] - objective(point - step)[0]) / 2e-2
        assert gradient[at] == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_components_have_mean_0_and_deviation_1() -> None:
    draw = np.random.default_rng(7)
    hidden = draw.normal(size=(300, WIDTH)) @ draw.normal(size=(WIDTH, WIDTH)) + 3.0
    made = principal(hidden).of(hidden)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(made.T @ made / len(made), np.eye(8), atol=1e-9)
