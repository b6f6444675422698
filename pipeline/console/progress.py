"""Progress with an estimate of the time left: one rewritten line on a terminal, plain lines in a
log. Standard library, and rich draws a bar on a terminal where it is installed.
"""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS_BETWEEN_PLAIN_LINES = 10.0
SECONDS_BETWEEN_REWRITES = 0.1
# What takes longer than this has a line.
SECONDS_WITHOUT_A_LINE = 5.0
BAR_WIDTH = 24


class Progress:
    """Says how far a stage is.

    `total` may be unknown (None), or an estimate: at the end it is what was done. `note` is
    whatever the caller wants at the end of the line. What was done `before`, by an earlier process,
    says nothing of the speed. The time left is that of everything: of `later` units and `more`
    seconds after these. What is `brief` has a line only if it takes a while.
    """

    def __init__(
        self,
        title: str,
        *,
        total: int | None,
        unit: str,
        before: int = 0,
        later: int = 0,
        more: float = 0.0,
        brief: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._total, self._unit, self._clock = title, total, unit, clock
        self._before, self._later, self._more = before, later, more
        self._started = self._said = clock()
        self._rewrites = sys.stderr.isatty()
        self._between = SECONDS_BETWEEN_REWRITES if self._rewrites else SECONDS_BETWEEN_PLAIN_LINES
        self._silent = SECONDS_WITHOUT_A_LINE if brief else 0.0

    def at(self, done: int, note: str = "") -> None:
        """Says that `done` units are done, if the last line is long enough ago."""
        if self._clock() - self._said >= (self._silent or self._between):
            self._silent = 0.0
            self._say(done, note, end="" if self._rewrites else "\n")

    def end(self, done: int, note: str = "") -> None:
        if not self._silent:
            self._total = self._total and done
            self._say(done, note, end="\n")

    def _say(self, done: int, note: str, *, end: str) -> None:
        self._said = self._clock()
        line = progress_line(
            *(self._title, self._unit, done, self._total, self._said - self._started, note),
            before=self._before,
            later=self._later,
            more=self._more,
        )
        if self._rewrites:
            line = "\r\x1b[2K" + drawn(line, done, self._total)
        print(line, end=end, file=sys.stderr, flush=True)


def drawn(line: str, done: int, total: int | None) -> str:
    """A line of progress as a terminal shows it: never wider than that, with a bar before it if
    rich is there and the end is known."""
    try:
        from rich.console import Console
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return line[: max(1, shutil.get_terminal_size().columns - 1)]
    console = Console(file=sys.stderr, force_terminal=True)
    grid = Table.grid(padding=(0, 1))
    text = Text(line, no_wrap=True, overflow="ellipsis")
    grid.add_row(*[ProgressBar(total=total, completed=done, width=BAR_WIDTH)] * bool(total), text)
    with console.capture() as shown:
        console.print(grid)
    return shown.get().rstrip("\n")


@contextmanager
def lasting(title: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Says what is being done and for how long, while a block runs that cannot say how far it is;
    nothing of a short one."""
    started, over, said = clock(), threading.Event(), threading.Event()

    def say(end: str) -> None:
        line = f"{title}: {duration(clock() - started)}"
        start = "\r\x1b[2K" if sys.stderr.isatty() else ""
        print(start + line, end=end, file=sys.stderr, flush=True)

    def watch() -> None:
        between = SECONDS_WITHOUT_A_LINE
        while not over.wait(between):
            said.set()
            rewrites = sys.stderr.isatty()
            say("" if rewrites else "\n")
            between = 1.0 if rewrites else SECONDS_BETWEEN_PLAIN_LINES

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        if said.is_set():
            say("\n")


def progress_line(
    title: str,
    unit: str,
    done: int,
    total: int | None,
    seconds: float,
    note: str = "",
    *,
    before: int = 0,
    later: int = 0,
    more: float = 0.0,
) -> str:
    """
    >>> progress_line("train", "steps", 250, 1000, 50.0, "loss 6.13")
    'train: 250 of 1,000 steps, 5 steps/s, 2:30 left, loss 6.13'
    >>> progress_line("epoch 1 of 2", "steps", 250, 1000, 50.0, later=1000, more=15.0)
    'epoch 1 of 2: 250 of 1,000 steps, 5 steps/s, 6:05 left'
    """
    rate = (done - before) / seconds if seconds > 0 else 0.0
    parts = [f"{done:,} of {total:,} {unit}" if total else f"{done:,} {unit}"]
    parts.append(f"{rate:,.0f} {unit}/s" if rate >= 1 else f"{rate:.2f} {unit}/s")
    if total and rate:
        parts.append(f"{duration((max(0, total - done) + later) / rate + more)} left")
    return f"{title}: " + ", ".join(parts + [note] * bool(note))


def duration(seconds: float) -> str:
    """
    >>> duration(150), duration(3725)
    ('2:30', '1:02:05')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
