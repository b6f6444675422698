"""The mixture of a head's network with its counted memories: the reference.

NumPy only. With the memories 1 to K of a head, the most specific first, c_k(l) the weight of label
l with the row's value in memory k, w_k(l) the mean weight of the rows that have both, and n_k the
weight of all its labels:

    s_k(l) = max(c_k(l) - d_k w_k(l), 0) / n_k   absolute discounting, for the labels that are kept
    left_k = 1 - sum of s_k                      1 where the value is unknown
    q_k = s_k + left_k q_(k+1)                   what a memory leaves goes to the next one,
    q_(K+1) = the network's p                    the last one's to the network
    p = g_0 q_(K+1) + sum of g_k q_k             the gates g are a softmax of what is known of a row

(Kneser and Ney 1995; the gates as in Neubig and Dyer 2016, arXiv:1606.00499.) So d_k of one row is
taken off a pair, whatever its rows count: with `reach` those with a value further back count less,
and where rows have weights each counts as much as its own. Gates may also read
the hidden vector that the head's logits are a product of. As all this is linear in s and in the
network, p(l) = share * network(l) + sum of factor_k s_k(l).

Where a row may have several labels, each is a yes or no of its own and n_k the weight of the rows.
Then the next one's probability is mixed in as of b_k rows, b_k = d_k / (1 - d_k):

    s_k(l) = c_k(l) / (n_k + b_k)             left_k = b_k / (n_k + b_k)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinds.memory.label_counts import LabelCounts

Array = npt.NDArray[Any]

NO_LABEL = -1
# Of each memory: whether it knows the value, log(1 + n), and the mass that is left.
SIGNS = 3
# Less than this share of a total is what sums in float32 leave of nothing.
NOTHING = 1e-5
# How far from 1 a probability stays of which the odds are asked.
LEAST = 1e-7
# Beyond this a product of float32 numbers does not tell a count from the next one.
WHOLE_UP_TO = 1e4


def share(weights: Array, rows: Array, totals: Array, discount: float, *, several: bool) -> Array:
    """What a memory gives labels with these weights of so many rows, of values with these
    totals."""
    if several:
        return np.asarray(weights / (totals + discount / (1 - discount)))
    taken = discount * (weights / np.maximum(rows, 1))
    return np.asarray(np.maximum(weights - taken, 0.0) / np.where(totals > 0, totals, 1.0))


def left(listed: Array, totals: Array, discount: float, *, several: bool) -> Array:
    """What is left to the next one, where `listed` is the sum of what the labels were given."""
    further = discount / (1 - discount)
    rest = further / (totals + further) if several else np.maximum(1.0 - listed, 0.0)
    return np.asarray(np.where(totals > 0, rest, 1.0))


@dataclass(frozen=True)
class Gates:
    """What is learned of a head with K memories.

    bias: [K + 1], of the network first
    weights: [K + 1, SIGNS * K]
    discounts: [K], in (0, 1)
    hidden: [K + 1, width], of the head's hidden vector; None where gates do not read it
    """

    bias: Array
    weights: Array
    discounts: Array
    hidden: Array | None = None

    @classmethod
    def start(cls, memories: int) -> "Gates":
        bias, weights = np.zeros(memories + 1), np.zeros((memories + 1, SIGNS * memories))
        return cls(bias, weights, np.full(memories, 0.5))

    @classmethod
    def from_flat(cls, flat: Array) -> "Gates":
        """Of one vector without bounds, as `flat` gives it: all but `hidden`."""
        memories = next(k for k in range(len(flat)) if _numbers(k) == len(flat))
        ends = np.cumsum([memories + 1, (memories + 1) * SIGNS * memories])
        bias, weights, logits = np.split(np.float64(flat), ends)
        return cls(bias, weights.reshape(memories + 1, -1), 1 / (1 + np.exp(-logits)))

    def flat(self) -> Array:
        logits = np.log(self.discounts) - np.log1p(-self.discounts)
        return np.concatenate([self.bias, self.weights.ravel(), logits])

    def arrays(self) -> dict[str, Array]:
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values for name, values in every.items() if values is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "Gates":
        return cls(**{f.name: arrays[f.name] for f in fields(cls) if f.name in arrays})


def _numbers(memories: int) -> int:
    return (memories + 1) * (1 + SIGNS * memories) + memories


@dataclass(frozen=True)
class Seen:
    """What a memory knows of some rows: the kept labels of each one's value. Weights and totals are
    in the unit of its counts.

    labels: int [rows, m], NO_LABEL where there are no more
    weights: [rows, m]
    rows: [rows, m], of how many rows
    totals: [rows], 0 where the value is unknown
    """

    labels: Array
    weights: Array
    rows: Array
    totals: Array


def seen(counts: LabelCounts, keys: Array) -> Seen:
    """Of rows with these keys; -1 is no key."""
    starts = np.append(counts.offsets, counts.offsets[-1])
    places = counts.places(keys)
    first, last = starts[places], starts[places + 1]
    at = first[:, None] + np.arange(max(1, int((last - first).max(initial=0))))
    there = at < last[:, None]
    at = np.where(there, at, len(counts.labels))
    weights = np.append(counts.weights, 0.0) / counts.unit
    totals = np.append(counts.totals, 0.0) / counts.unit
    labels, of_rows = np.append(counts.labels, NO_LABEL), np.append(counts.rows, 0)
    return Seen(labels[at], weights[at], of_rows[at], totals[places])


def without(rows: Seen, targets: Array, weights: Array, times: Array) -> Seen:
    """The same as counted without the row itself: it has added its weight, in the unit of the
    counts, to its target, as so many rows."""
    own = (rows.labels == targets[:, None]) & (targets[:, None] >= 0)
    counted = np.where(targets >= 0, weights, 0.0)
    totals = rows.totals - counted
    totals = np.where(totals > NOTHING * rows.totals, totals, 0.0)
    others = np.maximum(rows.rows - own * times[:, None], 0)
    others_weights = np.maximum(rows.weights - own * counted[:, None], 0.0)
    return Seen(rows.labels, np.where(others > 0, others_weights, 0.0), others, totals)


class Mixture(NamedTuple):
    """p(l) = share * network(l) + the sum of the masses of l.

    share: [rows]
    labels: int [rows, m], of all memories side by side; a label may be there more than once
    masses: [rows, m]
    """

    share: Array
    labels: Array
    masses: Array


def mixture(
    gates: Gates, memories: Sequence[Seen], hidden: Array | None = None, *, several: bool = False
) -> Mixture:
    """`hidden` [rows, width] where gates read it; `several`: whether a row may have several
    labels."""
    shares, signs, lefts = [], [], []
    for rows, discount in zip(memories, gates.discounts, strict=True):
        of_labels = rows.weights, rows.rows, rows.totals[:, None]
        shares.append(share(*of_labels, discount, several=several))
        lefts.append(left(shares[-1].sum(axis=1), rows.totals, discount, several=several))
        signs += [(rows.totals > 0).astype(np.float64), np.log1p(rows.totals), lefts[-1]]
    logits = gates.bias + np.stack(signs, axis=1) @ gates.weights.T
    if gates.hidden is not None and hidden is not None:
        logits += hidden.astype(np.float64) @ gates.hidden.T
    gate = np.exp(logits - logits.max(axis=1, keepdims=True))
    gate /= gate.sum(axis=1, keepdims=True)
    factors = [gate[:, 1]]
    for k in range(1, len(memories)):
        factors.append(gate[:, k + 1] + factors[-1] * lefts[k - 1])
    of_network = gate[:, 0] + factors[-1] * lefts[-1]
    masses = [f[:, None] * s for f, s in zip(factors, shares, strict=True)]
    labels = np.concatenate([rows.labels for rows in memories], axis=1)
    return Mixture(of_network, labels, np.concatenate(masses, axis=1))


def table_shares(counts: LabelCounts, discount: float, *, several: bool) -> Array:
    """float64 [pairs]: what each label is given with its value."""
    totals = np.repeat(counts.totals, np.diff(counts.offsets)) / counts.unit
    return share(counts.weights / counts.unit, counts.rows, totals, discount, several=several)


def table_signs(counts: LabelCounts, discount: float, *, several: bool) -> Array:
    """float64 [values + 1, SIGNS] of each value, and of an unknown one: what the gates see."""
    totals, lengths = counts.totals / counts.unit, np.diff(counts.offsets)
    value, shares = (
        np.repeat(np.arange(len(lengths)), lengths),
        table_shares(counts, discount, several=several),
    )
    listed = np.bincount(value, shares, len(lengths))
    rest = left(listed, totals, discount, several=several)
    signs = np.stack([np.ones_like(totals), np.log1p(totals), rest], axis=1)
    return np.concatenate([signs, [[0.0, 0.0, 1.0]]])


def log_probabilities(logits: Array, mixed: Mixture) -> Array:
    """The log of p, float64 [rows, classes], of the network's logits."""
    with np.errstate(invalid="ignore", over="ignore"):  # of a row that is not finite
        own = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
        own += np.log(mixed.share)[:, None] - np.log(np.exp(own).sum(axis=1, keepdims=True))
    masses = _dense(mixed, own.shape)
    some = masses > 0
    own[some] = np.logaddexp(own[some], np.log(masses[some]))
    return own


def _dense(mixed: Mixture, shape: tuple[int, ...]) -> Array:
    """The masses of all labels, float64 [rows, labels]."""
    masses = np.zeros(shape)
    rows, place = np.nonzero(mixed.labels != NO_LABEL)
    np.add.at(masses, (rows, mixed.labels[rows, place]), mixed.masses[rows, place])
    return masses


def log_odds(logits: Array, mixed: Mixture) -> Array:
    """log(p / (1 - p)), float64 [rows, labels], of the logits of a network that gives each label a
    yes or no of its own."""
    log_p = np.log(mixed.share)[:, None] - np.logaddexp(0, -logits.astype(np.float64))
    masses = _dense(mixed, logits.shape)
    some = masses > 0
    log_p[some] = np.logaddexp(log_p[some], np.log(masses[some]))
    log_p = np.minimum(log_p, -LEAST)
    return log_p - np.log(-np.expm1(log_p))


def log_loss(losses: Array, mixed: Mixture, targets: Array) -> Array:
    """-log p(target) [rows], of the network's own losses."""
    mass = np.where(mixed.labels == targets[:, None], mixed.masses, 0.0).sum(axis=1)
    with np.errstate(divide="ignore"):
        return -np.logaddexp(np.log(mixed.share) - losses, np.log(mass))


def weights_of(shares: Array, totals: Array, discount: float, *, several: bool) -> Array:
    """The weights that `share` has made these shares of, of rows with the mean weight; 0 where a
    share is."""
    added = totals * shares + discount
    if several:
        added = shares * (totals + discount / (1 - discount))
    return np.asarray(np.where(shares > 0, added, 0.0))


def discount_of_whole(counted: Array) -> float:
    """The discount that was taken off whole numbers: `counted` [pairs] are shares times totals.

    >>> round(discount_of_whole(np.array([1.0, 2.0, 7.0]) - 0.8), 3)
    0.8
    """
    small = counted[(counted > 0) & (counted < WHOLE_UP_TO)]
    if not len(small):
        return 0.5
    turn = np.angle(np.exp(2j * np.pi * small).mean()) / (2 * np.pi)
    return float(-turn % 1.0)


def discount_of_left(rest: Array, totals: Array) -> float:
    """The discount where a row may have several labels, of what is left of totals."""
    further = float(np.median(rest * totals / np.maximum(1 - rest, LEAST)))
    return further / (1 + further)
