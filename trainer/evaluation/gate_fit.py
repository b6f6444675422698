"""The fit of a head's gates to rows, and whether they are to read its hidden vector.

The hidden vector tells where the network is right, which no number of a memory does. Its first
principal components are read, each as it deviates, with weights that are expected to be small. Half
of the rows are fitted with and without them, and the other half says which is better; then the same
the other way round. So the choice takes no row but those that the gates are fitted to.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads.network import KINDS
from kinds.memory.mixture import Gates
from kinds.memory.network import HeadMemory, Seen, mixture
from trainer.phases.descent import Vector, lbfgs

EVALUATIONS = 100
# What is learned is expected to be about this far from 0: so few rows cannot throw it far.
DEVIATION, DEVIATION_OF_HIDDEN = 3.0, 0.5
# With 16 components instead of 8 no table had a lower loss, with 4 all had a higher one.
COMPONENTS = 8
# Of a sum of squares, what float32 leaves of a number that is the same in all rows.
NOTHING = 1e-8

Array = np.ndarray[Any, Any]


class GateRows(NamedTuple):
    """Rows that gates are fitted on: what the head's kind needs of each without memories, the
    weights [rows], what each memory knows of them, and what gates read of the hidden vector,
    [rows, any number]."""

    alone: dict[str, tf.Tensor]
    weights: tf.Tensor
    seen: tuple[Seen, ...]
    hidden: tf.Tensor

    def half(self, start: int) -> "GateRows":
        rows: GateRows = tf.nest.map_structure(lambda values: values[start::2], self)
        return rows

    def reading(self, hidden: Array) -> "GateRows":
        return self._replace(hidden=tf.constant(hidden, tf.float32))


@dataclass(frozen=True)
class Directions:
    """The mean [width] of hidden vectors and axes [width, d] of which a vector's deviation from it
    has deviation 1."""

    mean: Array
    axes: Array

    def of(self, hidden: Array) -> Array:
        return np.asarray((hidden - self.mean) @ self.axes)

    def read_by(self, gates: Gates, weights: Array) -> Gates:
        """Gates that read vectors as these read what `of` gives with weights [K + 1, d]."""
        hidden = weights @ self.axes.T
        return Gates(gates.bias - hidden @ self.mean, gates.weights, gates.discounts, hidden)


def principal(hidden: Array) -> Directions:
    """The first principal components of [rows, width]; fewer where fewer numbers vary."""
    wide = hidden.astype(np.float64)
    mean = wide.mean(axis=0)
    values, axes = np.linalg.eigh((wide - mean).T @ (wide - mean) / len(wide))
    values, axes = values[::-1][:COMPONENTS], axes[:, ::-1][:, :COMPONENTS]
    varies = values > NOTHING * np.square(wide).sum(axis=1).mean()
    return Directions(mean, axes[:, varies] / np.sqrt(values[varies]))


class Objective:
    """The mean loss of a mixture, and its gradient, as functions of the flat gates and, after them,
    of the weights of what they read of the hidden vector."""

    def __init__(self, kind: str, memory: HeadMemory, rows: GateRows) -> None:
        self._kind, self._gates, self._rows = KINDS[kind], memory.gates, rows
        self._several = memory.several
        shape = [len(memory.tables) + 1, rows.hidden.shape[1]]
        self._weights = tf.Variable(tf.zeros(shape), trainable=False)
        sizes = (len(memory.gates.flat()), shape[0] * shape[1])
        self._deviations = np.repeat([DEVIATION, DEVIATION_OF_HIDDEN], sizes)
        self._total = max(1.0, float(np.sum(rows.weights.numpy(), dtype=np.float64)))
        # One for each objective, as it should be: called without this, TensorFlow would warn of it.
        self._pass = tf.function(self._value, autograph=False).get_concrete_function(rows)

    def __call__(self, flat: Vector) -> tuple[float, Vector]:
        self._assign(flat)
        value, gradients = self._pass(self._rows)
        gradient = np.concatenate([g.numpy().ravel() for g in gradients]).astype(np.float64)
        expected = flat / (self._deviations**2 * self._total)
        return float(value) + float(flat @ expected) / 2, gradient + expected

    def minimised(self, start: Vector) -> Vector:
        """From these gates, as if they read nothing of the hidden vector."""
        start = np.append(start, np.zeros(len(self._deviations) - len(start)))
        return lbfgs.minimise(self, start, max_evaluations=EVALUATIONS).point

    def losses(self, flat: Vector, rows: GateRows) -> Array:
        """Of other rows."""
        self._assign(flat)
        return np.asarray(self._losses(rows), np.float64)

    def weights_of(self, flat: Vector) -> Array:
        """What of the flat vector reads the hidden vector, [memories + 1, d]."""
        return flat[len(self._gates.flat()) :].reshape(self._weights.shape)

    def _assign(self, flat: Vector) -> None:
        self._gates.assign(flat)
        self._weights.assign(self.weights_of(flat))

    def _losses(self, rows: GateRows) -> tf.Tensor:
        of_hidden = tf.matmul(rows.hidden, self._weights, transpose_b=True)
        mixed = mixture(self._gates, rows.seen, of_hidden, several=self._several)
        return self._kind.mixed_losses(rows.alone, mixed)

    def _value(self, rows: GateRows) -> tuple[tf.Tensor, list[tf.Tensor]]:
        variables = [*self._gates.variables(), self._weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            sums = tf.reduce_sum(self._losses(rows) * rows.weights)
            mean = sums / tf.maximum(tf.reduce_sum(rows.weights), 1e-30)
        return mean, tape.gradient(mean, variables)


def fitted(kind: str, memory: HeadMemory, rows: GateRows) -> Vector:
    """The best flat gates for the rows, from where they stand; where they stand then is open."""
    return Objective(kind, memory, rows).minimised(memory.gates.flat())


def fit_with_hidden(kind: str, memory: HeadMemory, rows: GateRows) -> None:
    """Fits the gates, which read the hidden vector where that pays."""
    start, hidden = memory.gates.flat(), rows.hidden.numpy()
    directions = principal(hidden)
    plain = rows.reading(np.zeros((len(hidden), 0)))
    read = rows.reading(directions.of(hidden))
    if not (len(directions.axes.T) and _pays(kind, memory, start, plain, read)):
        memory.gates.assign(Objective(kind, memory, plain).minimised(start))
        return
    objective = Objective(kind, memory, read)
    best = objective.minimised(start)
    weights = objective.weights_of(best)
    memory.take(directions.read_by(Gates.from_flat(best[: len(start)]), weights))


def _pays(kind: str, memory: HeadMemory, start: Vector, plain: GateRows, read: GateRows) -> bool:
    """Whether the mean loss is lower by more than its standard error, on rows of the other half."""
    gains, weights = [], []
    for half in (0, 1):
        losses = []
        for rows in (plain, read):
            objective = Objective(kind, memory, rows.half(half))
            best = objective.minimised(start)
            losses.append(objective.losses(best, rows.half(1 - half)))
        gains.append(losses[0] - losses[1])
        weights.append(plain.half(1 - half).weights.numpy().astype(np.float64))
    gain, weight = np.concatenate(gains), np.concatenate(weights)
    if not weight.any():
        return False
    mean = np.average(gain, weights=weight)
    return bool(mean > np.sqrt((weight**2 * (gain - mean) ** 2).sum()) / weight.sum())
