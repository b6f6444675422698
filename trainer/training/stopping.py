"""SIGTERM: asked for between two steps, or the end of a block at once."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATED = 128 + signal.SIGTERM


def ended(where: str) -> NoReturn:
    """Ends the process, and says so at once: to let go of everything may take a while."""
    print(f"train: ended by SIGTERM {where}; the same command goes on", file=sys.stderr, flush=True)
    raise SystemExit(TERMINATED)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """SIGTERM ends the block where it is. For what a checkpoint cannot keep half done: the last one
    is from just before it."""

    def end(_: int, __: FrameType | None) -> NoReturn:
        ended("in a phase, which begins again")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def stop_signal() -> Iterator[Callable[[], bool]]:
    """Turns SIGTERM into a question that the loop asks between two steps."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGTERM, before)
