"""Rows set aside into a file of their own, because the model knows too little of them.

The file is called as the output is, with `.unknown` before its suffix: scores.unknown.parquet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from serving.familiarity.familiar import DISTANCE, KNOWN, VALUES
from serving.files.writers import Opener, Write


def aside_of(output: Path) -> Path:
    """
    >>> aside_of(Path("out/scores.csv.gz")).name
    'scores.unknown.csv.gz'
    """
    name = output.name
    end = ".gz" if name.endswith(".gz") else ""
    stem, dot, suffix = name.removesuffix(".gz").rpartition(".")
    return output.with_name(f"{stem}.unknown{dot}{suffix}{end}")


class SetAside:
    """Rows beyond a distance from the training rows, and those of whose values the model knows
    fewer than half. `rows` counts them."""

    def __init__(self, distance: float | None) -> None:
        self._distance, self.rows = distance, 0

    @contextmanager
    def opened(self, usual: Opener, unknown: Opener, schema: pa.Schema) -> Iterator[Write]:
        """Writes each batch to both, its rows where they belong."""
        with usual(schema) as write, unknown(schema) as write_aside:

            def write_both(batch: pa.RecordBatch) -> None:
                aside = self._is_aside(batch)
                self.rows += pc.sum(aside).as_py() or 0
                for rows, to in ((pc.invert(aside), write), (aside, write_aside)):
                    if (part := batch.filter(rows)).num_rows:
                        to(part)

            yield write_both

    def _is_aside(self, batch: pa.RecordBatch) -> pa.Array:
        far = pc.greater(batch.column(DISTANCE), self._distance)
        twice = pc.multiply(batch.column(KNOWN), 2)
        return pc.or_(far, pc.less(twice, batch.column(VALUES)))

    def line(self, path: Path) -> str:
        return f"{self.rows:,} rows set aside: {path}"
