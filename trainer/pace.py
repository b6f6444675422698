"""How fast the steps of an epoch are, and how much of their time they wait for data."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from trainer.data import Batch


class Paces:
    """The time of an epoch's steps by their kind, from when it is made."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.sums: dict[str, np.ndarray] = {}

    def add(self, kind: str, rows: int, waited: float) -> None:
        """Takes in a step that has just ended and that waited so many seconds for its rows."""
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


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, of which the next one is fetched by another thread while a step runs. It
    begins at once: to fetch one that lies ready takes TensorFlow a millisecond."""
    end: Any = object()
    pool = ThreadPoolExecutor(max_workers=1)
    first = pool.submit(next, batches, end)

    def handed_on() -> Iterator[Batch]:
        with pool:
            coming = first
            while (batch := coming.result()) is not end:
                coming = pool.submit(next, batches, end)
                yield batch

    return handed_on()


def timed(batches: Iterator[Batch], *, start: int) -> Iterator[tuple[int, Batch, float]]:
    """(place, batch, seconds that it was waited for)."""
    asked = time.monotonic()
    for place, batch in enumerate(batches, start=start):
        yield place, batch, time.monotonic() - asked
        asked = time.monotonic()
