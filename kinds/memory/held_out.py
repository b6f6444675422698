"""Held-out rows: what the counts of the other rows say of their labels. NumPy only.

Of a row with one label the loss is -log p of it, p by absolute discounting (kinds.memory.back_off).
Where a row may have several, each label is a yes or no of its own: p = (c + b q) / (n + b) of c of
n rows with the value, and what the next memory says, q, counts as b rows more. Their loss is the
Poisson one, the sum of p over all labels less log p of those that the row has. If p is small, it is
nearly that of a yes or no. It is lowest where p is right, too, and takes one number a row for all
labels that the row does not have.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kinds.memory import back_off
from kinds.memory.back_off import Chain, Pairs, Share
from kinds.memory.keys import NO_KEY, places_in

Array = npt.NDArray[Any]
# The keys for which a row counts, int64 [rows], and how much it does for each.
Counted = Sequence[tuple[Array, float]]
# What the next memory says may count as so many rows; what predicts best does.
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class HeldOut(Protocol):
    """Rows with their labels, some of which are held out."""

    def share(self, looked_up: Array, counted: Counted) -> Share:
        """What a memory says of the held-out rows. It looks rows up by `looked_up`."""

    def alone(self, share: Share) -> float:
        """The loss of the held-out rows with one memory."""

    def chain(self, shares: Mapping[str, Share]) -> Chain:
        """The memories worth having, in the order in which they are to be asked."""

    def unseen(self) -> float:
        """The share of rows to be expected with a label that no training row has."""


class _Rows:
    """Rows by the owners of their labels, and how well counts predict those held out."""

    def __init__(self, owner: Array, labels: Array, is_held_out: Array) -> None:
        self._is_held_out, held = is_held_out, is_held_out[owner]
        self._asked_row, self._asked = owner[held], labels[held]
        self._counted_row, self._counted = owner[~held], labels[~held]
        self._last = np.zeros(0)

    def _losses(self, said: Array) -> Array:
        """The loss of each held-out row, by the shares that its labels get."""
        return back_off.log_losses(said)

    def alone(self, share: Share) -> float:
        return back_off.loss_of([share], self._last, self._losses)

    def chain(self, shares: Mapping[str, Share]) -> Chain:
        if not len(self._asked) or not len(self._counted):
            return Chain((), 0.0, 0.0, {})
        return back_off.chain(shares, self._last, losses=self._losses)

    def _pairs(self, counted: Counted) -> Pairs:
        """The labels of the rows that are counted, for each key."""
        parts = []
        for key, weight in counted:
            own = key[self._counted_row]
            there = own != NO_KEY
            weights = np.full(np.count_nonzero(there), weight)
            parts.append(Pairs(own[there], self._counted[there], weights))
        return back_off.joined(parts)


class OneLabel(_Rows):
    """Rows with one label each; `width` is one more than there are labels."""

    def __init__(self, owner: Array, labels: Array, is_held_out: Array, width: int) -> None:
        # A label that only held-out rows have is one that nobody knows.
        counted = np.bincount(labels[~is_held_out[owner]], minlength=width) > 0
        labels = np.where(counted[labels], labels, width - 1)
        super().__init__(owner, labels, is_held_out)
        self._labels, self._width = labels, width
        if len(self._counted):
            self._last = self._frequencies()[self._asked]

    def _frequencies(self) -> Array:
        found = back_off.frequencies(self._counted, self._width)
        # All that held-out rows alone have stands under one label.
        none = np.bincount(self._counted, minlength=self._width)[:-1] == 0
        found[-1] += found[:-1][none].sum()
        return found

    def share(self, looked_up: Array, counted: Counted) -> Share:
        asked = Pairs(looked_up[self._asked_row], self._asked)
        return back_off.share(self._pairs(counted), asked, self._width)

    def unseen(self) -> float:
        """That of those whose label is theirs alone (Good 1953)."""
        known = self._labels[self._labels < self._width - 1]
        return float(np.count_nonzero(np.bincount(known) == 1) / max(1, len(self._labels)))


class SeveralLabels(_Rows):
    """Rows with any number of labels, of `width` labels in all; `rows` are those with a target.

    Shares of the held-out rows have one number for each of their labels, then one for each row: the
    sum of p over all labels.
    """

    def __init__(
        self, owner: Array, labels: Array, is_held_out: Array, rows: Array, width: int
    ) -> None:
        super().__init__(owner, labels, is_held_out)
        self._width = width
        held = is_held_out[rows]
        self._asked_rows, self._counted_rows = rows[held], rows[~held]
        counts = np.bincount(self._counted, minlength=width) + 0.5
        frequencies = counts / (len(self._counted_rows) + 1)
        every = np.full(len(self._asked_rows), frequencies.sum())
        self._last = np.concatenate([frequencies[self._asked], every])

    def _losses(self, said: Array) -> Array:
        of_labels, every = np.split(said, [len(self._asked)])
        at = np.searchsorted(self._asked_rows, self._asked_row)
        return every - np.bincount(at, np.log(of_labels), len(every))

    def share(self, looked_up: Array, counted: Counted) -> Share:
        pairs = self._pairs(counted)
        row_keys, row_weights = _rows_of(self._counted_rows, counted)
        values, value = np.unique(row_keys, return_inverse=True)
        totals = np.append(np.bincount(value, row_weights, len(values)), 0.0)
        place = np.searchsorted(values, pairs.keys)
        sums = np.append(np.bincount(place, pairs.weights, len(values)), 0.0)
        keys, key = np.unique(place * self._width + pairs.labels, return_inverse=True)
        weights = np.append(np.bincount(key, pairs.weights, len(keys)), 0.0)
        of_labels = places_in(values, looked_up[self._asked_row])
        of_rows = places_in(values, looked_up[self._asked_rows])
        own = weights[places_in(keys, of_labels * self._width + self._asked)]
        own = np.concatenate([np.where(of_labels < len(values), own, 0.0), sums[of_rows]])
        total = totals[np.concatenate([of_labels, of_rows])]
        return min(self._shares(own, total), key=self.alone)

    @staticmethod
    def _shares(own: Array, total: Array) -> Iterator[Share]:
        for further in STRENGTHS:
            yield Share(own / (total + further), further / (total + further))

    def unseen(self) -> float:
        """None: a label that is not known is no answer of the head."""
        return 0.0


def _rows_of(rows: Array, counted: Counted) -> tuple[Array, Array]:
    """The keys of rows, and how much each counts."""
    keys, weights = [], []
    for key, weight in counted:
        own = key[rows]
        own = own[own != NO_KEY]
        keys.append(own)
        weights.append(np.full(len(own), weight))
    return np.concatenate(keys), np.concatenate(weights)


def held_out(
    owner: Array, labels: Array, is_held_out: Array, rows: Array, width: int, *, several: bool
) -> HeldOut:
    """`owner` is the row of each label, `rows` are those that have a target, and `width` is the
    number of labels."""
    if several:
        known = labels < width
        return SeveralLabels(owner[known], labels[known], is_held_out, rows, width)
    return OneLabel(owner, labels, is_held_out, width + 1)
