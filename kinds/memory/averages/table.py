"""Sums of a head's target for each value of a memory, and the numbers that the network reads of it.

The network sees, for each row, the average target of the rows with the same value, drawn to the
average of all, and how many these rows are. It must not find a row's own target in there. To leave
out the row alone would not do: the embedding of the value knows the whole average, and the two
would tell. So a training row sees the average of the other folds only, and rows with equal examples
are in one fold. (Target statistics by folds: Micci-Barreca 2001, doi:10.1145/507533.507538, for the
drawing to the mean; Prokhorenkova et al. 2018, arXiv:1706.09516, section 3, for the leak.)

NumPy only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.averages import FOLDS, WIDTH
from kinds.memory.keys import Keys, padded_ids, places_in

Array = npt.NDArray[Any]

# How many rows of the overall average are mixed in: the best of these by squared error, out of
# fold.
STRENGTHS = 2.0 ** np.arange(9)
SMALLEST = 1e-6


def _logit(mean: Array) -> Array:
    mean = np.clip(mean, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(mean) - np.log1p(-mean))


# From the mean of a head's targets to the scale on which its network adds up.
LINKS: Mapping[str, Callable[[Array], Array]] = {
    "identity": np.asarray,
    "log": lambda mean: np.log(np.maximum(mean, SMALLEST)),
    "logit": _logit,
}


@dataclass(frozen=True)
class Averages:
    """V values.

    keys: int64 [V], rising
    weights: float64 [V, FOLDS], the weights of the rows that have a target
    sums: float64 [V, FOLDS], of weight times target
    weight, total: float64 [FOLDS], the same of all rows, with or without a value that is kept
    """

    keys: Array
    weights: Array
    sums: Array
    weight: Array
    total: Array

    def places(self, keys: Array) -> Array:
        """The place of each key among the values; V where it is none of them."""
        return places_in(self.keys, keys)

    def arrays(self) -> dict[str, Array]:
        return dict(vars(self))

    def file_bytes(self) -> int:
        """What the exported file needs for it: of each value its key, its place and two numbers."""
        return (16 + 4 * WIDTH) * len(self.keys)


def of_folds(
    keys: Array, folds: Array, weights: Array, sums: Array, rows: Array, min_count: int = 1
) -> tuple[Array, Array, Array]:
    """Sums by distinct key and fold to (keys, weights, sums) as `Averages` has them, without the
    values of fewer than `min_count` rows."""
    values, value = np.unique(keys, return_inverse=True)
    frequent = np.bincount(value, rows, len(values)) >= min_count
    at = value * FOLDS + folds

    def by_fold(of: Array) -> Array:
        return np.bincount(at, of, len(values) * FOLDS).reshape(-1, FOLDS)[frequent]

    return values[frequent].astype(np.int64), by_fold(weights), by_fold(sums)


def strength_of(averages: Averages) -> float:
    """The number of rows of the overall average that predicts the rows of each fold best, by the
    others. Of the squared error only what differs is summed up."""
    weights, sums, mean = without_each_fold(averages)
    there, own = averages.weights, averages.sums

    def error(strength: float) -> float:
        guess = (sums[:-1].T + strength * mean[:-1]) / (weights[:-1].T + strength)
        return float((there * guess**2 - 2 * own * guess).sum())

    return float(min(STRENGTHS, key=error))


def without_each_fold(averages: Averages) -> tuple[Array, Array, Array]:
    """Weights and sums [FOLDS + 1, V] without each fold, and last without none; and the average
    [FOLDS + 1] of all rows so."""

    def left(of: Array) -> Array:
        return np.concatenate([of.sum(axis=-1, keepdims=True) - of, of.sum(-1, keepdims=True)], -1)

    weight = np.maximum(left(averages.weight), 1e-300)
    return left(averages.weights).T, left(averages.sums).T, left(averages.total) / weight


@dataclass(frozen=True)
class Remembered:
    """A memory that the network reads: the keys of its rows, its averages, and the scale of the
    head's output."""

    keys: Keys
    averages: Averages
    link: str

    @cached_property
    def table(self) -> Array:
        return table(self.averages, self.link)

    def said(self, features: Mapping[str, Array]) -> Array:
        """float32 [rows, WIDTH] of rows that were not counted, given the trainer's features."""
        key = self.keys.looked_up(padded_ids(features))
        return np.asarray(self.table[-1][self.averages.places(key)])


def table(averages: Averages, link: str) -> Array:
    """float32 [FOLDS + 1, V + 1, WIDTH]: what the network reads of each value in rows of each fold,
    and, last, in rows that were not counted; the last value stands for all that are unknown.

    The first number is how far the average is from that of all rows, on the scale of the head's
    output; the second the logarithm of the weight. Both have deviation 1 over the training rows.
    """
    strength, scale = strength_of(averages), LINKS[link]
    weights, sums, mean = without_each_fold(averages)
    drawn = (sums + strength * mean[:, None]) / (weights + strength)
    away = scale(drawn) - scale(mean)[:, None]
    found = np.stack([away, np.log1p(weights)], axis=-1)
    counted = averages.weights.T[..., None]
    square = (counted * found[:-1] ** 2).sum(axis=(0, 1)) / max(averages.weight.sum(), 1e-300)
    found /= np.where(square > 0, np.sqrt(square), 1.0)
    unknown = np.zeros((FOLDS + 1, 1, WIDTH))
    return np.concatenate([found, unknown], axis=1).astype(np.float32)
