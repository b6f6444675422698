"""Memories asked one after the other: what one does not know is left to the next. NumPy only.

A discount d is taken off each count, and what that gives is left for whoever is asked next:

    p(l | v) = max(c(v, l) - d, 0) / n(v) + d u(v) / n(v) q(l),

absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1998), where c counts the label l
with the value v, n is their sum over labels, u the number of different labels, and q what the next
one says; the last are the labels' own frequencies. A value that was never counted leaves it all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.label_counts import LabelCounts
from kinds.memory.parts import LEAST_GAIN

Array = npt.NDArray[Any]
# What is chosen from a hundred is by chance some standard errors better than nothing.
ERRORS = 3.0
# A discount that learned nothing from the counts would be about this.
USUAL_DISCOUNT = 0.7


@dataclass(frozen=True)
class Pairs:
    """Values and labels that come together: int64, int64 and float64 [pairs]."""

    keys: Array
    labels: Array
    weights: Array | None = None


@dataclass(frozen=True)
class Share:
    """What a memory gives the labels of some rows, and what it leaves for the next: float64 [rows]
    each."""

    own: Array
    left: Array


@dataclass(frozen=True)
class Chain:
    """The names of memories in the order in which they are asked; the log loss of the held-out rows
    without any of them, with all of them, and with all but each."""

    names: tuple[str, ...]
    alone: float
    loss: float
    without: Mapping[str, float]

    def gains(self) -> Iterator[tuple[str, float]]:
        """By what share the loss is smaller for each."""
        for name in self.names:
            yield name, 1 - self.loss / self.without[name]


def discount(counts: Array) -> float:
    """The discount of counts of pairs: n1 / (n1 + 2 n2), of how many pairs occur once and twice.

    >>> discount(np.array([1, 1, 1, 2, 9]))
    0.6
    """
    once, twice = (int(np.count_nonzero(counts == times)) for times in (1, 2))
    if not once:
        return USUAL_DISCOUNT if not twice else 0.1
    return min(0.95, max(0.1, once / (once + 2 * twice)))


def discounted(weights: Array, rows: Array, less: float) -> Array:
    """The weights of pairs after the discount: `less` of their rows, so that the scale of the
    weights does not matter.

    >>> discounted(np.array([3.0, 4.0]), np.array([3, 2]), 0.5).tolist()
    [2.5, 3.0]
    """
    found: Array = weights * (1 - less / rows)
    return found


def frequencies(labels: Array, width: int) -> Array:
    """float64 [width]: how probable each label is. Those that do not occur, and the last, that of
    all other labels, have together as much as those that occur once (Good 1953).

    >>> frequencies(np.array([0, 0, 1]), 3).tolist()
    [0.5, 0.25, 0.25]
    """
    counts = np.bincount(labels, minlength=width).astype(np.float64)
    once, nothing = int(np.count_nonzero(counts[:-1] == 1)), counts == 0
    nothing[-1] = True
    counts[nothing] += max(1, once) / np.count_nonzero(nothing)
    found: Array = counts / counts.sum()
    return found


def joined(parts: Sequence[Pairs]) -> Pairs:
    """All pairs, one part after the other."""
    columns = [[getattr(part, name) for part in parts] for name in ("keys", "labels", "weights")]
    return Pairs(*(np.concatenate(column) for column in columns))


def share(counted: Pairs, asked: Pairs, width: int) -> Share:
    """What the counts of some pairs say of the labels of others; `width` is the number of labels,
    and each pair counts as much as its weight."""
    values, value = np.unique(counted.keys, return_inverse=True)
    if not len(values):
        return Share(np.zeros(len(asked.keys)), np.ones(len(asked.keys)))
    pairs, pair = np.unique(value * width + counted.labels, return_inverse=True)
    weights = np.bincount(pair, counted.weights)
    rows = np.bincount(pair)
    given = discounted(weights, rows, discount(rows))
    totals = np.bincount(value, counted.weights)
    kept = np.bincount(pairs // width, given, len(values)) / totals
    place, is_known = _places(values, asked.keys)
    at, occurs = _places(pairs, place * width + asked.labels)
    own = np.where(is_known & occurs, given[at] / totals[place], 0.0)
    return Share(own, np.where(is_known, 1 - kept[place], 1.0))


def probabilities(memories: Sequence[tuple[LabelCounts, Array]], last: Array, rows: int) -> Array:
    """float64 [rows, labels]: what memories say, each with the keys of the rows, asked in their
    order; `last` has what is said where nothing is known, float64 [labels]."""
    found = np.tile(last, (rows, 1))
    for counts, keys in reversed(memories):
        place = counts.places(keys)
        known = np.flatnonzero(place < len(counts.keys))
        place = place[known]
        given = discounted(counts.weights, counts.rows, discount(counts.rows))
        owner = np.repeat(np.arange(len(counts.keys)), np.diff(counts.offsets))
        shares = given / counts.totals[owner]
        found[known] *= (1 - np.bincount(owner, shares, len(counts.keys)))[place, None]
        lengths = np.diff(counts.offsets)[place]
        row = np.repeat(known, lengths)
        at = np.arange(len(row)) + np.repeat(
            counts.offsets[place] - np.cumsum(lengths) + lengths, lengths
        )
        found[row, counts.labels[at]] += shares[at]
    return found


def _places(rising: Array, wanted: Array) -> tuple[Array, Array]:
    """Where each is, and whether it is there at all."""
    at = np.minimum(np.searchsorted(rising, wanted), len(rising) - 1)
    return at, rising[at] == wanted


def log_losses(probabilities: Array) -> Array:
    """The loss of each row, of the probability of its label."""
    found: Array = -np.log(probabilities)
    return found


# The loss of each row, of all that is said.
Losses = Callable[[Array], Array]


def loss_of(shares: Sequence[Share], last: Array, losses: Losses = log_losses) -> float:
    """The loss of rows of whose labels `last` is said where nothing else is known."""
    return float(losses(_asked(shares, last)).mean())


def _asked(shares: Sequence[Share], last: Array) -> Array:
    asked = last
    for one in reversed(shares):
        asked = one.own + one.left * asked
    return asked


def chain(
    shares: Mapping[str, Share],
    last: Array,
    *,
    least_gain: float = LEAST_GAIN,
    losses: Losses = log_losses,
) -> Chain:
    """One memory after the other is taken, and put where in the order it helps most, as long as the
    loss becomes smaller by the `least_gain`, and by more than chance; then whatever is not worth
    that any more goes."""

    def loss(said: Array) -> float:
        return float(losses(said).mean())

    def is_worth(before: Array, after: Array) -> bool:
        """Whether the mean loss has fallen by that share of it, and clearly."""
        lost = losses(before)
        gain = lost - losses(after)
        error = float(gain.std() / np.sqrt(len(gain)))
        least = max(least_gain * float(lost.mean()), ERRORS * error)
        return bool(gain.mean() >= least and gain.any())

    names: list[str] = []
    found = last
    while len(names) < len(shares):
        _, name, place = min((loss(m), n, at) for m, n, at in _longer(names, shares, last))
        longer = [*names[:place], name, *names[place:]]
        more = _asked([shares[one] for one in longer], last)
        if not is_worth(found, more):
            break
        names, found = longer, more
    while names:
        without = {
            name: _asked([shares[one] for one in names if one != name], last) for name in names
        }
        lost = {name: loss(asked) for name, asked in without.items()}
        name = min(lost, key=lambda one: lost[one])
        if is_worth(without[name], found):
            return Chain(tuple(names), loss(last), loss(found), lost)
        names.remove(name)
        found = without[name]
    return Chain((), loss(last), loss(last), {})


def _longer(
    names: Sequence[str], shares: Mapping[str, Share], last: Array
) -> Iterator[tuple[Array, str, int]]:
    """What is said with each other memory at each place."""
    after = [last]
    for name in reversed(names):
        after.insert(0, shares[name].own + shares[name].left * after[0])
    said, left = np.zeros_like(last), np.ones_like(last)
    for place, asked in enumerate(after):
        for name, one in shares.items():
            if name not in names:
                yield said + left * (one.own + one.left * asked), name, place
        if place < len(names):
            own = shares[names[place]]
            said, left = said + left * own.own, left * own.left
