"""Plans of an explanation: which inputs are taken as missing, and how their shares follow.

A plan knows no model. It is a list of sets of inputs that are there, and a matrix that makes shares
of what the model says of each set: share = weights @ values. NumPy only.

    one by one   what the model says of all inputs, less what it says without the one
    Shapley      the mean over orders in which the inputs come to an empty row, one after another,
                 of what each one changes (Shapley 1953; by sampled orders: Castro, Gomez and Tejada
                 2009, doi:10.1016/j.cor.2008.04.004). Each order has its reverse beside it. The
                 shares of a row sum to what all inputs change. All sets are tried where there are
                 no more of them than the orders would take, which is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SEED = 1


@dataclass(frozen=True)
class Plan:
    """sets: bool [sets, inputs], the first with all inputs; weights: float64 [inputs, sets]."""

    sets: Array
    weights: Array

    def shares(self, values: Array) -> Array:
        """float64 [inputs, rows] of what the model says, float64 [sets, rows]."""
        return np.asarray(self.weights @ values)


def one_by_one(inputs: int) -> Plan:
    """
    >>> one_by_one(2).sets.astype(int).tolist()
    [[1, 1], [0, 1], [1, 0]]
    """
    without = ~np.eye(inputs, dtype=bool)
    sets = np.concatenate([np.ones((1, inputs), bool), without])
    weights = np.concatenate([np.ones((inputs, 1)), -np.eye(inputs)], axis=1)
    return Plan(sets, weights)


def shapley(inputs: int, samples: int) -> Plan:
    """By so many orders at most, a multiple of two."""
    pairs = max(1, samples // 2)
    if 2**inputs <= 2 * pairs * inputs:
        return _of_all_sets(inputs)
    random = np.random.default_rng(SEED)
    orders = [random.permutation(inputs) for _ in range(pairs)]
    return _of_orders(inputs, [*orders, *(order[::-1] for order in orders)])


def _of_orders(inputs: int, orders: Sequence[Array]) -> Plan:
    places = {frozenset(range(inputs)): 0}
    found: list[tuple[int, int, int]] = []  # input, the set with it, the set before it came
    for order in orders:
        coming = [frozenset(order[:count].tolist()) for count in range(inputs + 1)]
        for one, (before, after) in zip(order.tolist(), pairwise(coming), strict=True):
            at = [places.setdefault(of, len(places)) for of in (after, before)]
            found.append((one, at[0], at[1]))
    weights = np.zeros((inputs, len(places)))
    for one, with_it, without_it in found:
        weights[one, with_it] += 1
        weights[one, without_it] -= 1
    return Plan(_as_rows(places, inputs), weights / len(orders))


def _of_all_sets(inputs: int) -> Plan:
    everyone = range(inputs)
    subsets = [frozenset(s) for size in everyone for s in combinations(everyone, size)]
    places = {of: at for at, of in enumerate([frozenset(everyone), *subsets])}
    weights = np.zeros((inputs, len(places)))
    for of, at in places.items():
        for one in everyone:
            others = len(of - {one})
            share = 1 / (inputs * comb(inputs - 1, others))
            weights[one, at] = share if one in of else -share
    return Plan(_as_rows(places, inputs), weights)


def _as_rows(places: dict[frozenset[int], int], inputs: int) -> Array:
    sets = np.zeros((len(places), inputs), bool)
    for of, at in places.items():
        sets[at, list(of)] = True
    return sets
