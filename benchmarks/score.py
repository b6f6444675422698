"""Scores the same raw rows in several ways, by turns in one run.

    python -m benchmarks.score --run RUN --model MODEL --input GLOB [--rows N] [--turns N]
                               [--torch-python PYTHON]

    ours         python -m serving.score's own function, Parquet to Parquet, all heads
    labels only  the same with --labels-only
    network      what of it is the network: from features to ids and scores, in the same threads
    onnxruntime  float32, a plain export of the network, all probabilities out, NumPy's top 10
    keras        `predict` with the top 10 in the model
    torch        PyTorch's softmax and topk with the same weights (--torch-python, the demo's model)

All but the first two get features that were prepared before; only the head with the most labels
is ranked by them. Each turn takes one share of the rows. The last line is one JSON object.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from benchmarks.score_contestants import (
    Features,
    Torch,
    keras_predict,
    network_only,
    ours,
    plain_onnxruntime,
    prepared,
    slices,
    torch_weights,
)
from kinds.heads.score import KINDS, FileHead
from pipeline.failures import main
from pipeline.processor import processor
from pipeline.rows import expand
from serving.exporting import model_folder, trained_run

Array = NDArray[Any]


@dataclass
class Contestant:
    """`turn` takes a share of the rows, by number, and returns the ids of the top 10, or None.

    `ready` comes before it and is not timed. `cpu_s` counts this process only.
    """

    turn: Callable[[int], Array | None]
    ready: Callable[[int], None] = lambda _: None
    rows_per_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    top: Array | None = None

    def take(self, share: int, rows: int) -> None:
        self.ready(share)
        wall, cpu = time.perf_counter(), time.process_time()
        top = self.turn(share)
        self.cpu_s += time.process_time() - cpu
        self.rows_per_s.append(rows / (time.perf_counter() - wall))
        self.top = top if share == 0 else self.top


def first_rows(files: Sequence[str], rows: int) -> pa.Table:
    """The first rows of the files."""
    table = pa.concat_tables([pyarrow.parquet.read_table(file) for file in files])
    return table.slice(0, rows)


def repeated(table: pa.Table, features: Features, rows: int) -> tuple[pa.Table, Features]:
    """So many rows and their features, from the first again where there are fewer."""
    if table.num_rows < rows:
        print(f"{table.num_rows:,} rows are repeated up to {rows:,}")
    places = np.arange(rows) % table.num_rows
    return table.take(places), {name: values[places] for name, values in features.items()}


def top_of_file(path: Path, head: str, labels: Sequence[str]) -> Array:
    """int [rows, 10]: the ids of the labels in a file of scores."""
    ids = {label: at for at, label in enumerate(labels)}
    column = pyarrow.parquet.read_table(path, columns=[f"{head}.labels"]).column(0)
    return np.array([[ids[label] for label in row] for row in column.to_pylist()])


def equal_top(one: Array, other: Array) -> float:
    """The share of rows with the same ten labels: within ties their order may differ."""
    return float((np.sort(one, axis=1) == np.sort(other, axis=1)).all(axis=1).mean())


def run(arguments: Sequence[str]) -> None:
    """The command."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        _run(options, Path(folder))


def _run(options: argparse.Namespace, folder: Path) -> None:
    source = trained_run.TrainedRun(options.run)
    heads = model_folder.described(source).heads
    head = max((h for h in heads if h.kind == "classification"), key=lambda h: h.entries or 0)
    table = first_rows(expand(options.input), options.rows)
    size = options.rows // options.turns
    table, features = repeated(table, prepared(source, table), options.rows)
    shares = slices(features, size)[: options.turns]
    files = [folder / f"rows{at}.parquet" for at in range(options.turns)]
    for at, file in enumerate(files):
        pyarrow.parquet.write_table(table.slice(at * size, size), file)
    (folder / "labels").mkdir()
    labels = source.values[head.name]
    outputs = [o for h in heads for o in network_outputs(h)]
    turns: dict[str, Callable[[int], Any]] = {
        "ours": ours(options.model, files, folder),
        "labels only": ours(options.model, files, folder / "labels", "--labels-only"),
        "network": network_only(options.model, outputs, shares, len(labels)),
        "onnxruntime": plain_onnxruntime(source.model, head.name, shares),
        "keras": keras_predict(source.model, head.name, shares),
    }
    contestants = {name: Contestant(turn) for name, turn in turns.items()}
    torch = torch_of(options.torch_python, source, shares, folder)
    if torch is not None:
        contestants["torch"] = Contestant(torch.turn, torch.load)
    take_turns(contestants, options.turns, size)
    if torch is not None:
        torch.close()
    contestants["labels only"].top = top_of_file(
        folder / "labels" / "scores0.parquet", head.name, labels
    )
    contestants["ours"].top = top_of_file(folder / "scores0.parquet", head.name, labels)
    print(json.dumps(summary(contestants, labels=len(labels), rows=options.rows)))


def torch_of(
    python: Path | None, source: trained_run.TrainedRun, shares: Sequence[Features], folder: Path
) -> Torch | None:
    """None, and a line that says why, without a Python that has torch or with another model."""
    weights = torch_weights(source.model)
    if python is None or weights is None:
        print("no torch:", "no --torch-python" if python is None else "not the demo's model")
        return None
    return Torch(python, weights, shares, folder)


def network_outputs(head: FileHead) -> list[str]:
    """The tensors of its results, with the ids of labels."""
    return [tensor for tensor, _ in KINDS[head.kind].tensors(head).values()]


def take_turns(contestants: dict[str, Contestant], turns: int, rows: int) -> None:
    """Everyone takes each share; the first one once before, to be warm."""
    for contestant in contestants.values():
        contestant.turn(0)
    for share in range(turns):
        for contestant in contestants.values():
            contestant.take(share, rows)


def summary(contestants: dict[str, Contestant], *, labels: int, rows: int) -> dict[str, Any]:
    """Prints what each did, and says how many times faster the first is than the others."""
    medians = {n: statistics.median(c.rows_per_s) for n, c in contestants.items()}
    for name, contestant in contestants.items():
        low, high = min(contestant.rows_per_s), max(contestant.rows_per_s)
        spread = f"{medians[name]:>9,.0f} rows/s ({low:,.0f} to {high:,.0f})"
        per_cpu = "" if name == "torch" else f", {rows / contestant.cpu_s:,.0f} rows per CPU second"
        print(f"{name:<12} {spread}{per_cpu}")
    top = {n: c.top for n, c in contestants.items() if c.top is not None}
    equal = {n: equal_top(top["ours"], t) for n, t in top.items() if n != "ours"}
    print("rows with the same top 10 as ours:", {n: round(e, 5) for n, e in equal.items()})
    speed = {n: round(medians["ours"] / m, 2) for n, m in medians.items()}
    overhead = 1 - contestants["network"].cpu_s / contestants["ours"].cpu_s
    return {
        "benchmark": "score",
        "processor": processor(),
        "rows_per_s": round(medians["ours"]),
        "vs_onnxruntime": speed["onnxruntime"],
        "vs_keras": speed["keras"],
        "vs_torch": speed.get("torch"),
        "overhead_share": round(overhead, 3),
        "top10_equal": min(equal.values()) >= 0.999,
        "labels_only": {"rows_per_s": round(medians["labels only"]), **_versus(medians)},
        "rows": rows,
        "labels": labels,
        "cores": len(os.sched_getaffinity(0)),
    }


def _versus(medians: dict[str, float]) -> dict[str, float]:
    others = [n for n in ("onnxruntime", "keras", "torch") if n in medians]
    return {f"vs_{n}": round(medians["labels only"] / medians[n], 2) for n in others}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the run folder of the model")
    parser.add_argument("--model", type=Path, required=True, help="its model.onnx")
    parser.add_argument("--input", nargs="+", required=True, help="Parquet files of raw rows")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--torch-python", type=Path, help="a Python that has torch and numpy")
    return parser


if __name__ == "__main__":
    main(run)
