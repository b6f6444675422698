"""The fit of a head's gates to rows, and whether they are to read its hidden vector.

The hidden vector tells where the network is right, which no number of a memory does. Its first
principal components are read, each as it deviates, with weights that are expected to be small. Half
of the rows are fitted with and without them, and the other half says which is better; then the same
the other way round. So the choice takes no row but those that the gates are fitted to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.heads.network import KINDS
from kinds.memory.mixture import Gates
from kinds.memory.network import GateTensors, HeadMemory, Seen, mixture
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

    def reading_nothing(self) -> "GateRows":
        return self._replace(hidden=self.hidden[:, :0])

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


Losses = Callable[["Learned", GateRows], tf.Tensor]


class Learned(NamedTuple):
    """What is fitted: gates, and the weights [memories + 1, d] of what they read of a hidden
    vector."""

    gates: GateTensors
    weights: tf.Tensor


class Objective:
    """The mean loss of a mixture, and its gradient, as functions of the flat gates and, after them,
    of the weights of what they read of the hidden vector."""

    def __init__(self, kind: str, memory: HeadMemory, rows: GateRows) -> None:
        self._gates, self._rows = memory.gates, rows
        self._losses, mean = _losses_of(kind, memory.several)
        self._shape = len(memory.tables) + 1, rows.hidden.shape[1]
        sizes = (len(memory.gates.flat()), self._shape[0] * self._shape[1])
        self._deviations = np.repeat([DEVIATION, DEVIATION_OF_HIDDEN], sizes)
        self._total = max(1.0, float(np.sum(rows.weights.numpy(), dtype=np.float64)))
        self._mean = mean.get_concrete_function(*self._signature())

    def __call__(self, flat: Vector) -> tuple[float, Vector]:
        value, gradients = self._mean(self._learned(flat), self._rows)
        gradients = tf.nest.flatten(gradients)
        gradient = np.concatenate([g.numpy().ravel() for g in gradients]).astype(np.float64)
        expected = flat / (self._deviations**2 * self._total)
        return float(value) + float(flat @ expected) / 2, gradient + expected

    def minimised(self, start: Vector) -> Vector:
        """From these gates, as if they read nothing of the hidden vector."""
        start = np.append(start, np.zeros(len(self._deviations) - len(start)))
        return lbfgs.minimise(self, start, max_evaluations=EVALUATIONS).point

    def losses(self, flat: Vector, rows: GateRows) -> Array:
        """Of other rows."""
        return np.asarray(self._losses(self._learned(flat), rows), np.float64)

    def weights_of(self, flat: Vector) -> Array:
        """What of the flat vector reads the hidden vector, [memories + 1, d]."""
        return flat[len(self._gates.flat()) :].reshape(self._shape)

    def _learned(self, flat: Vector) -> Learned:
        return Learned(self._gates.cut(flat), tf.constant(self.weights_of(flat), tf.float32))

    def _signature(self) -> tuple[Learned, GateRows]:
        """Of all objectives with so many memories: to trace takes as long as dozens of passes."""
        gates = GateTensors(*(tf.TensorSpec(v.shape, v.dtype) for v in self._gates.variables()))
        weights = tf.TensorSpec([self._shape[0], None], tf.float32)
        rows = tf.nest.map_structure(_of_any_size, self._rows)
        return Learned(gates, weights), rows


def _of_any_size(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None] * len(tensor.shape), tensor.dtype)


@cache
def _losses_of(kind: str, several: bool) -> tuple[Losses, Any]:
    """Functions of what is fitted and of rows: the loss of each row; the mean and its gradient,
    traced once in a process for all heads with as many memories."""

    def losses(learned: Learned, rows: GateRows) -> tf.Tensor:
        of_hidden = tf.matmul(rows.hidden, learned.weights, transpose_b=True)
        mixed = mixture(learned.gates, rows.seen, of_hidden, several=several)
        return KINDS[kind].mixed_losses(rows.alone, mixed)

    @tf.function(autograph=False)
    def mean(learned: Learned, rows: GateRows) -> tuple[tf.Tensor, Learned]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(learned)
            sums = tf.reduce_sum(losses(learned, rows) * rows.weights)
            value = sums / tf.maximum(tf.reduce_sum(rows.weights), 1e-30)
        return value, tape.gradient(value, learned)

    return losses, mean


def fitted(kind: str, memory: HeadMemory, rows: GateRows) -> Vector:
    """The best flat gates for the rows, from where they stand."""
    return Objective(kind, memory, rows).minimised(memory.gates.flat())


def fit_with_hidden(kind: str, memory: HeadMemory, rows: GateRows) -> None:
    """Fits the gates, which read the hidden vector where that pays."""
    start, hidden = memory.gates.flat(), rows.hidden.numpy()
    directions = principal(hidden)
    plain = rows.reading_nothing()
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
