"""How far prepare is: its readers tell how many rows they have read, once to learn, once to write,
and where a spec has pairs once in between to count them.

Readers of this process are heard; those of other processes and machines are their engine's to show.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.console.progress import Progress
from pipeline.preparing import reading
from pipeline.rows import about


@contextmanager
def shown(paths: Sequence[str]) -> Iterator[None]:
    """While it lasts, what this process reads of the files is shown, with the time left."""
    passes = _Passes(about(paths))
    reading.listener = passes.read
    try:
        yield
    finally:
        reading.listener = reading.nobody
        passes.end()


class _Passes:
    """A line of progress for each time that the rows are read."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._doing, self._done = "", 0

    def read(self, doing: str, count: int) -> None:
        if doing != self._doing:
            self.end()
            self._doing, self._done = doing, 0
            self._progress = Progress(f"prepare, {doing}", total=self._total, unit="rows")
        self._done += count
        self._progress.at(self._done)

    def end(self) -> None:
        if self._doing:
            self._progress.end(self._done)
