"""How fast the steps of an epoch are, and how much of their time they wait for data."""

import time
from collections.abc import Iterator

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

    def facts(self) -> dict[str, dict[str, float]]:
        """By kind, as the history tells it."""
        return {
            kind: {
                "seconds": round(seconds, 3),
                "examples_per_second": round(rows / seconds, 1),
                "share_waiting_for_data": round(waited / seconds, 4),
            }
            for kind, (rows, seconds, waited) in self.sums.items()
        }


def timed(batches: Iterator[Batch], *, start: int) -> Iterator[tuple[int, Batch, float]]:
    """(place, batch, seconds that it was waited for)."""
    asked = time.monotonic()
    for place, batch in enumerate(batches, start=start):
        yield place, batch, time.monotonic() - asked
        asked = time.monotonic()
