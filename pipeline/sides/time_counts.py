"""How many rows there are at each time, and where shares of them begin, in bounded memory.

Times are counted one by one up to 1,048,576 different ones. Where there are more, neighbours are
counted together, as finely as that number allows. Every count is exact, and what is counted
together depends on the times alone: the result is the same in any order, on any number of workers.
"""

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
MOST_TIMES = 1 << 20


class TimeCounts:
    """Counts by place in time (pipeline.sides.times), `2**shift` neighbours together."""

    def __init__(self, most: int = MOST_TIMES) -> None:
        self._most, self._shift, self._waiting = most, 0, 0
        self._parts: list[tuple[Integers, Integers]] = []

    def add(self, at: Integers) -> None:
        places, counts = np.unique(at >> self._shift, return_counts=True)
        self._add(places, counts.astype(np.int64))

    def merge(self, other: "TimeCounts") -> None:
        shift = max(self._shift, other._shift)
        parts = [*self._parts]
        self._parts = [(places >> (shift - self._shift), counts) for places, counts in parts]
        self._shift = shift
        for places, counts in other._parts:
            self._add(places >> (shift - other._shift), counts)

    def _add(self, places: Integers, counts: Integers) -> None:
        self._parts.append((places, counts))
        self._waiting += len(places)
        if self._waiting > self._most:
            self.compact()

    def compact(self) -> None:
        """Each place once, and no more of them than there may be."""
        if not self._parts:
            return
        places, counts = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        places, counts = _summed(places, counts)
        while len(places) > self._most:
            self._shift += 1
            places, counts = _summed(places >> 1, counts)
        self._parts, self._waiting = [(places, counts)], 0

    def times(self) -> int:
        """How many different times there are, neighbours that are counted together as one."""
        self.compact()
        return sum(len(places) for places, _ in self._parts)

    def begins(self, eval_share: float, test_share: float) -> list[int] | None:
        """The times with which eval and test begin, as near to the shares as there are times; one
        of them where there is no share for test. None where too few times differ."""
        self.compact()
        if not self._parts:
            return None
        ((places, counts),) = self._parts
        after = counts.sum() - np.cumsum(counts) + counts  # rows at this time or later
        wanted = [eval_share + test_share] * (eval_share > 0) + [test_share] * (test_share > 0)
        found: list[int] = []
        # Each side needs a time, and so does train: some at the start stay out of reach, or at the
        # end those of the side that comes after.
        for number, share in enumerate(wanted):
            first = found[-1] + 1 if found else 1
            end = len(places) - (len(wanted) - 1 - number)
            if first >= end:
                return None
            distance = np.abs(after[first:end] - share * counts.sum())
            found.append(first + int(np.argmin(distance)))
        begins = [int(places[at]) << self._shift for at in found]
        if eval_share == 0:  # eval begins where test does, and has no rows
            begins = begins * 2
        return begins


def _summed(places: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Each place once, rising, with the sum of its counts."""
    order = np.argsort(places, kind="stable")
    places, counts = places[order], counts[order]
    starts = np.flatnonzero(np.append(True, places[1:] != places[:-1]))[: len(places)]
    return places[starts], np.add.reduceat(counts, starts) if len(starts) else counts
