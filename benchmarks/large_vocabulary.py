"""The cost of a vocabulary of two million values, or of a million labels, end to end.

    python -m benchmarks.large_vocabulary [--values N | --labels N] [--results FILE]

Rows of ten ids each, every id about twice, go through prepare, a few steps of training and export,
each in a process of its own, whose seconds and peak memory its manifest has. Then a process loads
the file and scores one row. With `--labels` the head has as many labels as there are values: that
of a row is the id that comes next, training draws some labels at each step, and some rows are
scored with probabilities and with labels alone. The last line is one JSON object.
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

IDS_OF_A_ROW, TIMES, WIDTH, HIDDEN, STEPS = 10, 2, 16, 64, 20
SCORED_ROWS = 320
SPEC = """
name: large_vocabulary
vocabularies: {{item: {{size: {values}}}}}
inputs:
  items: {{kind: sequence, vocabulary: item, length: 10, embedding: {width}, combine: mean}}
heads: {{odd: {{kind: binary}}}}
split: {{by: row, eval: 0.01, test: 0}}
training: {{steps: {steps}, batch_size: 256}}
"""
LABELS_SPEC = """
name: many_labels
vocabularies: {{item: {{size: {values}}}}}
inputs:
  items: {{kind: sequence, vocabulary: item, length: 10, embedding: {width}, combine: mean}}
trunk: {{layers: [{hidden}]}}
heads: {{next: {{kind: classification, vocabulary: item}}}}
split: {{by: row, eval: 0.001, test: 0}}
training: {{steps: {steps}, batch_size: 256, sampled: {{}}}}
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
SCORING = """
import json, resource, sys, time
import pyarrow.parquet as pq
from serving.scorer import Scorer
model, rows, count, labels_only = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
started = time.perf_counter()
scorer = Scorer(model, labels_only=labels_only)
loaded = time.perf_counter()
table = pq.read_table(rows).slice(0, count)
scorer.score(table)
again, cpu = time.perf_counter(), time.process_time()
scorer.score(table)
took, cpu = time.perf_counter() - again, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
said = {"load_seconds": loaded - started, "rows_per_s": count / took, "rows_per_cpu_s": count / cpu}
print(json.dumps(said | {"peak_mib": peak}))
"""


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_vocabulary")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--values", type=int, default=2_000_000, help="of the inputs' vocabulary")
    size.add_argument("--labels", type=int, help="of a head, and as many values")
    parser.add_argument("--results", type=Path, help="where the line is written to as well")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="benchmark-vocabulary-") as folder:
        values, has_labels = options.labels or options.values, options.labels is not None
        found = measured(Path(folder), values, has_labels=has_labels)
    line = json.dumps({"benchmark": "large_vocabulary", "processor": processor(), **found})
    if options.results:
        options.results.write_text(line + "\n", encoding="utf-8")
    print(line)


def measured(folder: Path, values: int, *, has_labels: bool = False) -> dict[str, Any]:
    table = rows(values)
    if has_labels:
        table = table.append_column("next", next_items(table["items"].combine_chunks()))
    pq.write_table(table, folder / "rows.parquet")
    said = LABELS_SPEC if has_labels else SPEC
    said = said.format(values=values, width=WIDTH, hidden=HIDDEN, steps=STEPS)
    (folder / "spec.yaml").write_text(said)
    out = Output(folder)
    data, trained, made = out.data.path, out.run.path, out.model.path
    own = ["--spec", folder / "spec.yaml", "--input", folder / "rows.parquet"]
    stage("pipeline.prepare", *own, "--output", data)
    stage("trainer.task", "--data", data, "--output", trained)
    stage("serving.export", "--run", trained, "--output", made)
    stages = {"prepare": out.data, "train": out.run, "export": out.model}
    model = out.model.model
    given = [model, folder / "rows.parquet", SCORED_ROWS]
    scoring = {"scores": [*given, 0], "labels_only": [*given, 1]} if has_labels else {}
    return {
        "rows": table.num_rows,
        "entries": out.data.entries["item"],
        "vocabulary_mb": size(out.data.vocabulary_path("item")),
        "model_mb": size(model),
        "stages": {name: cost(one.manifest.facts["cost"]) for name, one in stages.items()},
        "loading": answered(LOADING, model),
        **({"labels": values} if has_labels else {}),
        **{name: answered(SCORING, *words) for name, words in scoring.items()},
    }


def answered(code: str, *words: object) -> dict[str, float]:
    """What a process of its own prints."""
    line = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    return {name: round(number, 2) for name, number in json.loads(done.stdout).items()}


def next_items(items: pa.ListArray) -> pa.Array:
    """The first item of the row after each row."""
    first = pc.list_element(items, 0)
    return first.take(pa.array(np.roll(np.arange(len(first)), -1)))


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
