"""The cost of a vocabulary of two million values, end to end.

    python -m benchmarks.large_vocabulary [--values N]

Rows of ten ids each, every id about twice, go through prepare, a few steps of training and export,
each in a process of its own, whose seconds and peak memory its manifest has. Then a process loads
the file and scores one row. The last line is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.processor import processor

IDS_OF_A_ROW, TIMES, WIDTH, STEPS = 10, 2, 16, 20
SPEC = """
name: large_vocabulary
vocabularies: {{item: {{size: {values}}}}}
inputs:
  items: {{kind: sequence, vocabulary: item, length: 10, embedding: {width}, combine: mean}}
heads: {{odd: {{kind: binary}}}}
split: {{by: row, eval: 0.01, test: 0}}
training: {{steps: {steps}, batch_size: 256}}
"""
LOADING = """
import json, resource, sys, time
import pyarrow as pa
from serving.scorer import Scorer
started = time.perf_counter()
scorer = Scorer(sys.argv[1])
loaded = time.perf_counter()
scorer.score(pa.table({"items": [["item 1", "item 2"]]}))
scored = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
seconds = {"seconds": loaded - started, "first_row_seconds": scored - loaded}
print(json.dumps(seconds | {"peak_mib": peak}))
"""


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_vocabulary")
    parser.add_argument("--values", type=int, default=2_000_000)
    values = parser.parse_args(argv).values
    with tempfile.TemporaryDirectory(prefix="benchmark-vocabulary-") as folder:
        print(
            json.dumps(
                {
                    "benchmark": "large_vocabulary",
                    "processor": processor(),
                    **measured(Path(folder), values),
                }
            )
        )


def measured(folder: Path, values: int) -> dict[str, Any]:
    table = rows(values)
    pq.write_table(table, folder / "rows.parquet")
    said = SPEC.format(values=values, width=WIDTH, steps=STEPS)
    (folder / "spec.yaml").write_text(said)
    out = Output(folder)
    data, trained, made = out.data.path, out.run.path, out.model.path
    own = ["--spec", folder / "spec.yaml", "--input", folder / "rows.parquet"]
    stage("pipeline.prepare", *own, "--output", data)
    stage("trainer.task", "--data", data, "--output", trained)
    stage("serving.export", "--run", trained, "--output", made)
    stages = {"prepare": out.data, "train": out.run, "export": out.model}
    model = out.model.model
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING, model], check=True, capture_output=True, text=True
    )
    return {
        "rows": table.num_rows,
        "entries": out.data.entries["item"],
        "vocabulary_mb": size(out.data.vocabulary_path("item")),
        "model_mb": size(model),
        "stages": {name: cost(one.manifest.facts["cost"]) for name, one in stages.items()},
        "loading": {k: round(v, 2) for k, v in json.loads(loaded.stdout).items()},
    }


def rows(values: int) -> pa.Table:
    """Every value in two rows; the target is whether the number of the last one is odd."""
    draw = np.random.default_rng(1)
    ids = np.concatenate([draw.permutation(values) for _ in range(TIMES)])
    ids = ids[: len(ids) // IDS_OF_A_ROW * IDS_OF_A_ROW]
    texts = pc.binary_join_element_wise("item", pa.array(ids).cast(pa.string()), " ")
    offsets = np.arange(0, len(ids) + 1, IDS_OF_A_ROW, dtype=np.int32)
    odd = ids[IDS_OF_A_ROW - 1 :: IDS_OF_A_ROW] % 2 == 1
    return pa.table({"items": pa.ListArray.from_arrays(pa.array(offsets), texts), "odd": odd})


def stage(module: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True)


def cost(said: dict[str, float]) -> dict[str, float]:
    peak = round(said["peak_bytes"] / 2**20)
    return {"seconds": said["seconds"], "cpu_seconds": said["cpu_seconds"], "peak_mib": peak}


def size(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


if __name__ == "__main__":
    main(run)
