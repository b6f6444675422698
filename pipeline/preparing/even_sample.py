"""An even sample of the rows of one side, read from a few parts of the files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline import rows
from pipeline.preparing.reading import FilePart, ReadSide, failure_in
from pipeline.rows.csv_dialect import Csv
from pipeline.storage.stores import is_table

# A sample has as many rows at most; of a large table so many parts are read for them.
ROWS, PARTS = 500_000, 8
Array = npt.NDArray[Any]


def even_sample(
    reader: ReadSide, paths: Sequence[str], csv: Csv
) -> tuple[pa.RecordBatch | None, float]:
    """Typed rows of a side, drawn evenly: between ROWS and half of them, or all there are; and
    which share of all they are."""
    draw = np.random.default_rng(1)
    kept: list[tuple[Array, pa.RecordBatch]] = []
    share = 1.0
    parts, of_all = _parts(paths, csv, draw)
    try:
        for part in parts:
            for batch in reader.process(part):
                kept += _drawn([(draw.random(batch.num_rows), batch)], share)
                while sum(len(drawn) for drawn, _ in kept) > ROWS:
                    share /= 2
                    kept = _drawn(kept, share)
    except RuntimeError as error:
        raise failure_in(error) or error from None
    batches = [batch for _, batch in kept if batch.num_rows]
    return pa.concat_batches(batches) if batches else None, share * of_all


def _drawn(kept: list[tuple[Array, pa.RecordBatch]], share: float) -> list[Any]:
    """Rows whose number is below `share`."""
    if share == 1:
        return kept
    below = [(drawn < share, drawn, batch) for drawn, batch in kept]
    return [(drawn[own], batch.filter(pa.array(own))) for own, drawn, batch in below]


def _parts(
    paths: Sequence[str], csv: Csv, draw: np.random.Generator
) -> tuple[list[FilePart], float]:
    """Parts of files, any PARTS of them, and which share of all they are. What is in a table only
    the engine can read."""
    files = [at for at, path in enumerate(paths) if not is_table(path)]
    parts = [FilePart(at, part) for at in files for part in rows.parts(paths[at], csv)]
    chosen = sorted(draw.permutation(len(parts))[:PARTS].tolist())
    return [parts[at] for at in chosen], len(chosen) / max(1, len(parts))
