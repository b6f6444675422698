"""The mixture of a head's network with its counted memories (kinds.memory.mixture) as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from kinds.memory.key_tensors import Features, looked_up, own
from kinds.memory.keys import Keys
from kinds.memory.label_counts import LabelCounts
from kinds.memory.mixture import LEAST, NO_LABEL, NOTHING, Gates

# The logarithm of no mass at all, which float32 can add to.
NONE = -1e30
SMALLEST = 1e-37


class Seen(NamedTuple):
    """What a memory knows of some rows: labels int32 [rows, m], NO_LABEL where there are no more;
    weights [rows, m] and totals [rows], in the unit of its counts; and of how many rows the weights
    are, `rows` float32 [rows, m]."""

    labels: tf.Tensor
    weights: tf.Tensor
    rows: tf.Tensor
    totals: tf.Tensor


class Mixture(NamedTuple):
    """p(l) = share [rows] * network(l) + the sum of the masses of the label l: of each memory
    labels and masses [rows, m], each label once."""

    share: tf.Tensor
    labels: tuple[tf.Tensor, ...]
    masses: tuple[tf.Tensor, ...]


class OfTarget(NamedTuple):
    """The mixture as far as the loss needs it: p(target) = exp(log_share) * network(target) +
    exp(log_mass), both [rows]."""

    log_share: tf.Tensor
    log_mass: tf.Tensor


class OwnRows(NamedTuple):
    """The targets, [rows] or [rows, labels], below 0 where there are none, and the weights [rows]
    with which rows were counted; of such a row whose target is missing the weight is 0."""

    targets: tf.Tensor
    weights: tf.Tensor


class Table:
    """Label counts as variables: as constants they would be a part of every traced function. They
    stay in the memory of the CPU, where a GPU has other things to hold."""

    def __init__(self, name: str, counts: LabelCounts, keys: Keys) -> None:
        def fixed(what: str, values: Any) -> tf.Variable:
            with tf.device("CPU"):
                return tf.Variable(values, trainable=False, name=f"{name}.{what}")

        offsets = np.append(counts.offsets, counts.offsets[-1])
        self.most, self.unit, self._of = int(max(1, np.diff(offsets).max())), counts.unit, keys
        self._keys = fixed("keys", np.append(counts.keys, np.iinfo(np.int64).max))
        self._totals = fixed("totals", np.float32(np.append(counts.totals, 0.0) / self.unit))
        self._offsets = fixed("offsets", offsets)
        self._labels = fixed("labels", np.append(counts.labels, np.int32(NO_LABEL)))
        self._weights = fixed("weights", np.float32(np.append(counts.weights, 0.0) / self.unit))
        self._rows = fixed("rows", np.float32(np.append(counts.rows, 0)))

    def seen(self, features: Features, left_out: OwnRows | None = None) -> Seen:
        """Of rows with these features; `left_out` of training rows, which were counted."""
        with tf.device("CPU"):
            found = self._at(self._places(looked_up(self._of, features)))
        if left_out is None:
            return found
        share, times = own(self._of, features)
        return without(found, left_out, share / self.unit, times)

    def _at(self, places: tf.Tensor) -> Seen:
        first, last = tf.gather(self._offsets, places), tf.gather(self._offsets, places + 1)
        at = first[:, None] + tf.range(self.most, dtype=tf.int64)
        at = tf.where(at < last[:, None], at, tf.size(self._labels, tf.int64) - 1)
        labels, weights, rows = (
            tf.gather(of, at) for of in (self._labels, self._weights, self._rows)
        )
        return Seen(labels, weights, rows, tf.gather(self._totals, places))

    def _places(self, keys: tf.Tensor) -> tf.Tensor:
        """The place of each key, that after the last value where it is none of them."""
        places = tf.searchsorted(self._keys, keys)
        none = tf.size(self._keys) - 1
        return tf.where(tf.gather(self._keys, places) == keys, places, none)


def without(rows: Seen, own: OwnRows, share: tf.Tensor, times: tf.Tensor) -> Seen:
    """The same as counted without the row itself, which counts as so many rows, with this share of
    its weight in all."""
    counted = own.weights * share
    times = tf.where(own.weights > 0, tf.cast(times, tf.float32), 0.0)
    targets = tf.reshape(own.targets, [tf.shape(rows.labels)[0], -1])
    same = (rows.labels[:, :, None] == targets[:, None, :]) & (targets >= 0)[:, None, :]
    is_own = tf.reduce_any(same, axis=2)
    others = tf.nn.relu(rows.rows - tf.where(is_own, times[:, None], 0.0))
    weights = tf.nn.relu(rows.weights - tf.where(is_own, counted[:, None], 0.0))
    totals = rows.totals - counted
    totals = tf.where(totals > NOTHING * rows.totals, totals, 0.0)
    return Seen(rows.labels, tf.where(others > 0, weights, 0.0), others, totals)


class GateTensors(NamedTuple):
    """The values of a head's GateVariables at one moment, as tensors."""

    bias: tf.Tensor
    weights: tf.Tensor
    discounts: tf.Tensor


@dataclass(frozen=True)
class GateVariables:
    """What is learned of a head with memories: `kinds.memory.mixture.Gates`, the discounts as the
    logits that they are the sigmoids of."""

    bias: tf.Variable
    weights: tf.Variable
    discounts: tf.Variable

    @classmethod
    def start(cls, name: str, memories: int) -> "GateVariables":
        gates = Gates.start(memories)
        return cls(
            tf.Variable(np.float32(gates.bias), name=f"{name}.gate_bias"),
            tf.Variable(np.float32(gates.weights), name=f"{name}.gate_weights"),
            tf.Variable(np.zeros(memories, np.float32), name=f"{name}.discounts"),
        )

    def variables(self) -> list[tf.Variable]:
        return [self.bias, self.weights, self.discounts]

    def assign(self, flat: np.ndarray) -> None:
        """What `Gates.flat` gives."""
        for variable, values in zip(self.variables(), self.cut(flat), strict=True):
            variable.assign(values)

    def cut(self, flat: np.ndarray) -> GateTensors:
        """What `Gates.flat` gives, in the shapes of the variables."""
        ends = np.cumsum([int(np.prod(variable.shape)) for variable in self.variables()])
        parts = zip(self.variables(), np.split(flat, ends)[:-1], strict=True)
        return GateTensors(*(tf.constant(part.reshape(v.shape), tf.float32) for v, part in parts))

    def flat(self) -> np.ndarray:
        return np.concatenate([v.numpy().ravel() for v in self.variables()]).astype(np.float64)


def _one() -> tf.Variable:
    return tf.Variable(1.0, trainable=False)


@dataclass(frozen=True)
class HeadMemory:
    """The memories of a head, the most specific first, and what is learned of them. `constant`
    [outputs] are the logits of a prediction that knows nothing of a row. The network's are taken
    times the inverse temperature: 1 until training is over. `several`: whether a row may have
    several labels. `of_hidden` [memories + 1, width] is what gates make of the head's hidden
    vector: 0 until training is over."""

    tables: tuple[Table, ...]
    gates: GateVariables
    constant: tf.Tensor
    several: bool = False
    inverse_temperature: tf.Variable = field(default_factory=_one)
    of_hidden: tf.Variable | None = None

    def reading(self, width: int) -> "HeadMemory":
        """Of a head whose hidden vectors are this wide."""
        nothing = tf.zeros([len(self.tables) + 1, width])
        return replace(self, of_hidden=tf.Variable(nothing, trainable=False))

    def take(self, gates: Gates) -> None:
        self.gates.assign(gates.flat())
        if self.of_hidden is not None:
            nothing = np.zeros(self.of_hidden.shape)
            self.of_hidden.assign(nothing if gates.hidden is None else gates.hidden)

    def learned(self) -> Gates:
        gates = Gates.from_flat(self.gates.flat())
        hidden = None if self.of_hidden is None else self.of_hidden.numpy().astype(np.float64)
        return replace(gates, hidden=hidden) if hidden is not None and hidden.any() else gates

    def seen(self, features: Features, left_out: OwnRows | None = None) -> list[Seen]:
        return [table.seen(features, left_out) for table in self.tables]

    def mixture(
        self,
        features: Features,
        left_out: OwnRows | None = None,
        hidden: tf.Tensor | None = None,
    ) -> Mixture:
        """`hidden` [rows, width] is what the head's logits are a product of."""
        of_hidden = None
        if hidden is not None and self.of_hidden is not None:
            of_hidden = tf.matmul(hidden, self.of_hidden, transpose_b=True)
        return mixture(self.gates, self.seen(features, left_out), of_hidden, several=self.several)


def mixture(
    gates: GateVariables | GateTensors,
    memories: Sequence[Seen],
    of_hidden: tf.Tensor | None = None,
    *,
    several: bool = False,
) -> Mixture:
    """`of_hidden` [rows, memories + 1] is what hidden vectors add to the logits of the gates."""
    shares, signs, left = [], [], []
    discounts = tf.unstack(tf.sigmoid(gates.discounts))
    for rows, discount in zip(memories, discounts, strict=True):
        known = rows.totals > 0
        further = discount / (1.0 - discount)
        if several:
            shares.append(rows.weights / (rows.totals + further)[:, None])
            rest = further / (rows.totals + further)
        else:
            safe = tf.where(known, rows.totals, 1.0)
            taken = discount * (rows.weights / tf.maximum(rows.rows, 1.0))
            shares.append(tf.nn.relu(rows.weights - taken) / safe[:, None])
            rest = tf.maximum(1.0 - tf.reduce_sum(shares[-1], axis=1), 0.0)
        left.append(tf.where(known, rest, 1.0))
        signs += [tf.cast(known, tf.float32), tf.math.log1p(rows.totals), left[-1]]
    logits = tf.nn.bias_add(
        tf.matmul(tf.stack(signs, axis=1), gates.weights, transpose_b=True), gates.bias
    )
    if of_hidden is not None:
        logits += of_hidden
    gate = tf.unstack(tf.nn.softmax(logits), axis=1)
    factors = [gate[1]]
    for k in range(1, len(memories)):
        factors.append(gate[k + 1] + factors[-1] * left[k - 1])
    share = gate[0] + factors[-1] * left[-1]
    masses = (f[:, None] * s for f, s in zip(factors, shares, strict=True))
    return Mixture(share, tuple(rows.labels for rows in memories), tuple(masses))


def of_target(mixed: Mixture, targets: tf.Tensor) -> OfTarget:
    listed = zip(mixed.labels, mixed.masses, strict=True)
    own = [tf.where(labels == targets[:, None], masses, 0.0) for labels, masses in listed]
    mass = tf.add_n([tf.reduce_sum(of_memory, axis=1) for of_memory in own])
    return OfTarget(tf.math.log(mixed.share), _log(mass))


def _log(mass: tf.Tensor) -> tf.Tensor:
    """The logarithm, NONE of nothing; its gradient is finite."""
    return tf.where(mass > 0, tf.math.log(tf.maximum(mass, SMALLEST)), NONE)


def mixed_loss(losses: tf.Tensor, mixed: OfTarget) -> tf.Tensor:
    """-log p(target) [rows], of the network's own losses."""
    network, memory = mixed.log_share - losses, mixed.log_mass
    higher = tf.maximum(network, memory)
    return -(higher + tf.math.log1p(tf.exp(-tf.abs(network - memory))))


def log_probabilities(logits: tf.Tensor, mixed: Mixture) -> tf.Tensor:
    """The log of p [rows, classes], of the network's logits."""
    own = tf.nn.log_softmax(logits) + tf.math.log(mixed.share)[:, None]
    return _with_masses(own, mixed)


def log_odds(logits: tf.Tensor, mixed: Mixture) -> tf.Tensor:
    """log(p / (1 - p)) [rows, labels], of the logits of a network that gives each label a yes or no
    of its own."""
    own = tf.math.log_sigmoid(logits) + tf.math.log(mixed.share)[:, None]
    log_p = tf.minimum(_with_masses(own, mixed), -LEAST)
    return log_p - tf.math.log(-tf.math.expm1(log_p))


def _with_masses(own: tf.Tensor, mixed: Mixture) -> tf.Tensor:
    """log(exp(own) + mass) [rows, labels], one memory after the other: none lists a label twice."""
    for labels, masses in zip(mixed.labels, mixed.masses, strict=True):
        there, memory = tf.maximum(labels, 0), _log(masses)
        listed = tf.gather(own, there, batch_dims=1)
        higher = tf.maximum(listed, memory)
        listed = higher + tf.math.log1p(tf.exp(-tf.abs(listed - memory)))
        # A mass never makes less of it, and what stands for no label has none.
        rows = tf.broadcast_to(tf.range(tf.shape(own)[0])[:, None], tf.shape(there))
        cells, found = tf.stack([rows, there], axis=2), tf.where(masses > 0, listed, NONE)
        own = tf.tensor_scatter_nd_max(own, cells, found)
    return own
