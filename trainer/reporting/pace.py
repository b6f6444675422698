"""How fast the steps of an epoch are, and how much of their time they wait for data.

Waiting is all the time in which no step runs because of rows: before a step, after the last one,
and while the rows of one epoch are let go of and those of the next are asked for.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from trainer.data import Batch


class Paces:
    """The time of an epoch's steps by their kind, from when it is made."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.sums: dict[str, np.ndarray] = {}

    def add(self, kind: str, rows: int, waited: float) -> None:
        """Takes in a step that has just ended and that waited some seconds for its rows."""
        now = time.monotonic()
        sums = self.sums.setdefault(kind, np.zeros(3))
        sums += (rows, now - self.last, waited)
        self.last = now

    def waited(self, kind: str, seconds: float) -> None:
        """Takes in a wait after the last step, which was of this kind."""
        self.sums.setdefault(kind, np.zeros(3))[1:] += seconds

    @contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """Takes in the time of a block, in which rows are let go of or asked for."""
        started = time.monotonic()
        yield
        self.waited(kind, time.monotonic() - started)

    def facts(self) -> dict[str, dict[str, float]]:
        """By kind, as the history tells it."""
        return {
            kind: {
                "seconds": round(seconds, 3),
                "examples_per_second": round(rows / seconds, 1),
                "share_waiting_for_data": round(waited / seconds, 4),
            }
            for kind, (rows, seconds, waited) in self.sums.items()
            if seconds > 0
        }


def timed(
    batches: Iterator[Batch], *, start: int, end: Callable[[float], None]
) -> Iterator[tuple[int, Batch, float]]:
    """(place, batch, seconds that it was waited for); `end` is told how long the end took."""
    asked = time.monotonic()
    for place, batch in enumerate(batches, start=start):
        yield place, batch, time.monotonic() - asked
        asked = time.monotonic()
    end(time.monotonic() - asked)
