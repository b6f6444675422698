"""The cost of counting in prepare: many made-up rows with memories, and the same without.

    python -m benchmarks.memory_rows [--rows 1000000]

Each row has one of 200,000 users, one of 100,000 items and one of 25,000 labels, a few of each far
more frequent than the others. Memories count by user, by item, and by both, where nearly every row
has a value of its own: beyond 4 million pairs counts are in bounded memory, and what that may cost
is stated. Seconds and peak memory of prepare are those of its manifest. The last line is one JSON
object.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.large_vocabulary import cost, stage
from pipeline.failures import main
from pipeline.folders.data import DataFolder
from pipeline.processor import processor

SIZES = {"user": 200_000, "item": 100_000, "label": 25_000}
# The shares of values fall with such a power of their rank.
EXPONENT = 0.8
BLOCK = 250_000
SPEC = """
name: memory_rows
vocabularies: {user: {size: 200000}, item: {size: 100000}, label: {size: 25000}}
inputs:
  user: {kind: category, vocabulary: user}
  item: {kind: category, vocabulary: item}
heads: {label: {kind: classification, vocabulary: label%s}}
split: {by: row, eval: 0.01, test: 0.01}
"""
MEMORIES = """
memory: {by_both: {of: [user, item]}, by_item: {of: [item]}, by_user: {of: [user]}}
"""
USED = ", memory: [by_both, by_item, by_user]"


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_rows")
    parser.add_argument("--rows", type=int, default=1_000_000)
    count = parser.parse_args(argv).rows
    with tempfile.TemporaryDirectory(prefix="benchmark-memory-") as folder:
        found = measured(Path(folder), count)
    print(
        json.dumps({"benchmark": "memory_rows", "processor": processor(), "rows": count, **found})
    )


def measured(folder: Path, count: int) -> dict[str, Any]:
    path = folder / "rows.parquet"
    with pq.ParquetWriter(path, blocks(1).__next__().schema) as file:
        for block in blocks(count):
            file.write_batch(block)
    specs = {"without": SPEC % "", "with_memories": SPEC % USED + MEMORIES}
    costs = {}
    for name, spec in specs.items():
        (folder / f"{name}.yaml").write_text(spec)
        own = ("--spec", folder / f"{name}.yaml", "--input", path)
        stage("pipeline.prepare", *own, "--output", folder / name)
        costs[name] = cost(DataFolder(folder / name).manifest.facts["cost"])
    said = DataFolder(folder / "with_memories").statistics.memory
    return {"stages": costs, "memories": {name: dict(of["label"]) for name, of in said.items()}}


def blocks(count: int) -> Iterator[pa.RecordBatch]:
    """The rows, some at a time."""
    draw = np.random.default_rng(1)
    shares = {name: np.arange(1, size + 1) ** -EXPONENT for name, size in SIZES.items()}
    sums = {name: np.cumsum(of) / of.sum() for name, of in shares.items()}
    for start in range(0, count, BLOCK):
        rows = min(BLOCK, count - start)
        ids = {name: np.searchsorted(of, draw.random(rows)) for name, of in sums.items()}
        columns = {
            name: pc.binary_join_element_wise(name, pa.array(of).cast(pa.string()), " ")
            for name, of in ids.items()
        }
        yield pa.RecordBatch.from_pydict(columns)


if __name__ == "__main__":
    main(run)
