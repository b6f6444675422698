"""What the memories of a head have seen with a row's values, read from the file.

A file holds no counts but what its mixture makes of them: of each value log(1 + n) and the mass
that is left, of each label its share, less a discount (kinds.memory.mixture). The counts follow
from these: whole ones exactly, others to about what a row counts. A graph gives the place of
each row's value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds import tensors
from kinds.heads.score import KINDS, FileHead
from kinds.memory.mixture import discount_of_left, discount_of_whole, weights_of
from serving.model_file.file_graph import FileGraph, array
from serving.model_file.metadata import Metadata

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SeenTable:
    """values: float32 [values + 1, 3], whether the memory knows the value, log(1 + n), and what is
    left; starts, sizes: of each value's labels; labels, shares: of all values, one after another;
    several: whether a row may have several labels; exact: whether rows count one each, neither
    weighted nor several times
    """

    values: Array
    starts: Array
    sizes: Array
    labels: Array
    shares: Array
    several: bool
    exact: bool

    def seen(self, places: Array, answers: Array) -> tuple[Array, Array]:
        """float64 [rows]: how many training rows had the value, and how many of them the answer."""
        steps = np.arange(max(1, int(self.sizes[places].max(initial=0))))
        at = self.starts[places][:, None] + steps
        there = steps < self.sizes[places][:, None]
        at = np.where(there, at, len(self.labels) - 1)
        is_answer = there & (self.labels[at] == answers[:, None])
        shares = np.where(is_answer, self.shares[at], 0.0).sum(axis=1)
        rows = self._totals[places]
        return rows, weights_of(shares, rows, self._discount, several=self.several)

    def is_cut(self, places: Array) -> Array:
        """bool [rows]: whether the value may have more labels than are kept."""
        return np.asarray(self.sizes[places] == self.sizes.max())

    @cached_property
    def _totals(self) -> Array:
        return np.expm1(self.values[:, 1].astype(np.float64))

    @cached_property
    def _discount(self) -> float:
        """Half a row where it cannot be told: the sentence says "about" then."""
        known = self._totals[:-1]
        if self.several:
            return discount_of_left(self.values[:-1, 2].astype(np.float64), known)
        if not self.exact:
            return 0.5
        return discount_of_whole(self.shares[:-1] * np.repeat(known, self.sizes[:-1]))


@dataclass(frozen=True)
class Memory:
    """A memory of a head. `of` are its inputs, `place` is the tensor with the place of each row's
    value."""

    name: str
    of: tuple[str, ...]
    place: str
    counts: SeenTable

    def sentences(self, places: Array, answers: Array) -> Array:
        """One for each row. Rows of equal counts share one."""
        rows, hits = (np.rint(of).astype(np.int64) for of in self.counts.seen(places, answers))
        found = np.stack([rows, hits, self.counts.is_cut(places)], axis=1)
        distinct, at = np.unique(found, axis=0, return_inverse=True)
        texts = [self._sentence(n, k, is_cut=bool(cut)) for n, k, cut in distinct.tolist()]
        return np.array(texts, object)[at.reshape(-1)]

    def _sentence(self, rows: int, hits: int, *, is_cut: bool) -> str:
        about = "" if self.counts.exact else "about "
        value = f"this {' and '.join(self.of)}"
        if rows < 1:
            return f"never seen with {value}" if self.of else "no training rows"
        of_them = f"{about}{hits:,} of them this answer"
        if hits < 1:
            of_them = f"{'hardly any' if is_cut else 'none'} of them this answer"
        if not self.of:
            return f"{about}{rows:,} training rows, {of_them}"
        times = "once" if self.counts.exact and rows == 1 else f"{about}{rows:,} times"
        if times == "once":
            of_them = "with this answer" if hits >= 1 else "with another answer"
        return f"seen {times} with {value}, {of_them}"


def memories_of(graph: FileGraph, head: FileHead, metadata: Metadata) -> list[Memory]:
    """In the order in which the head asks them."""
    said = metadata.facts.get("spec", {}).get("memory") or {}
    found = []
    for name in head.settings.get("memory", ()):
        one = said.get(name, {}) if isinstance(said, Mapping) else {}
        exact = metadata.weight is None and one.get("reach", 1) == 1
        place = tensors.within_memory(f"{head.name}/{name}", "value/place")
        counts = _counts(graph, head, name, exact=exact)
        found.append(Memory(name, tuple(one.get("of", (name,))), place, counts))
    return found


def _counts(graph: FileGraph, head: FileHead, name: str, *, exact: bool) -> SeenTable:
    names = ("of_value", "starts", "sizes", "all_labels", "all_shares")
    places = (tensors.within_memory(f"{head.name}/{name}", of) for of in names)
    values, starts, sizes, labels, shares = (array(graph.constants[place]) for place in places)
    several = KINDS[head.kind].has_several()
    return SeenTable(values, starts, sizes, labels, shares, several, exact)
