"""How far prepare is: its readers tell how many rows they have read, once to learn, once to write.

Readers of this process are heard; those of other processes and machines are their engine's to show.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow.parquet

from pipeline.console.progress import Progress
from pipeline.preparing import reading
from pipeline.rows.files import damage
from pipeline.storage import stores

SAMPLE_BYTES = 1 << 20


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


def about(paths: Sequence[str]) -> int | None:
    """How many rows the files have, as far as it can be told without reading them: of Parquet as
    many as it says, of text as many as its first megabyte has per byte. None where they are packed
    or a table.
    """
    if any(stores.is_table(path) or path.endswith(".gz") for path in paths):
        return None
    return sum(map(_rows_of, paths))


def _rows_of(path: str) -> int:
    with damage(path), stores.reader(path) as file:
        if path.endswith(".parquet"):
            return int(pyarrow.parquet.read_metadata(file).num_rows)
        sample = file.read(SAMPLE_BYTES)
        return round(file.seek(0, os.SEEK_END) * sample.count(b"\n") / max(1, len(sample)))
