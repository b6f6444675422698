"""Training in comparison: ours, Keras, PyTorch and fastText on the same rows, model and batches.

    python -m benchmarks.train --output bench-train --torch-python PYTHON --fasttext-python PYTHON

Rows are the demo's (this machine's own Python), split by module. The model is that of
benchmarks/train.yaml: 11 lookups of 50, one shared 50 x 128 matrix, 256, 128, softmax over 25,001
classes; batch 1,024; Adam. Keras, PyTorch and ours see the same rows in the same batches, one
process each, and train until an epoch ends with a higher held-out loss. Their recipe is plain
(rate 0.001); ours is the trainer's (output bias from the labels' shares, merged gradients of
repeated ids, dropout, weight decay, a rate that falls to 0), chosen on other held-out rows. Beside
fastText, which has a model of its own, stands a short run of ours with one layer in its trunk.
A contestant whose result lies in the output folder is not run again; one that was stopped on the
way is, when it is asked for, and is reported as far as it came.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.train_report import curves, report, summary
from benchmarks.train_rows import CUT_OFF, Rows, save_rows
from examples.next_identifier import rows as demo_rows
from pipeline.failures import main
from pipeline.folders.output import Output
from pipeline.processor import processor
from trainer.data import batches, example_features
from trainer.data_folder import read_data

SPEC = Path(__file__).with_name("train.yaml")
HELD_OUT_ROWS = 20_480
OURS = "benchmarks.train_contestants"
MODULES = {
    "ours exact": OURS,
    "ours fast": OURS,
    "keras": OURS,
    "torch": "benchmarks.train_torch",
    "ours fast, short": OURS,
    "ours fast, bias from 0": OURS,
    "keras, merged ids": OURS,
    "fasttext hs": "benchmarks.train_fasttext",
    "fasttext ova": "benchmarks.train_fasttext",
}
PLAIN = ("ours exact, plain Adam", "ours float32, plain Adam")
SPEEDS = (*PLAIN, "keras", "torch", "torch bfloat16")
SPEED, SPEED_BATCHES, TURNS = "speed", 20, 5
SEEDS = {"ours fast": 3, "ours fast, short": 3, "ours fast, bias from 0": 2, "fasttext hs": 6}
Results = dict[str, list[dict[str, Any]]]


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rows", default="600000", help="how many, or all")
    parser.add_argument("--torch-python", help="a Python that has torch 2.13 and NumPy")
    parser.add_argument("--fasttext-python", help="a Python that has fasttext and NumPy")
    parser.add_argument("--only", nargs="+", choices=[*MODULES, SPEED], default=[*MODULES, SPEED])
    parser.add_argument(
        "--minutes", type=float, default=15, help="of training for one contestant, at most"
    )
    parser.add_argument("--quick", action="store_true", help="a few thousand rows, one epoch")
    said = parser.parse_args(argv)
    said.output.mkdir(parents=True, exist_ok=True)
    rows = said.output / "rows.npz"
    if not rows.exists():
        save_rows(rows, prepared_rows(said.output, "20000" if said.quick else said.rows))
    races = run_races(said, rows)
    speeds = run_speeds(said, rows)
    tables = f"```\n{report(races, speeds)}\n```\n"
    (said.output / "train.md").write_text(tables, encoding="utf-8")
    curves(races, said.output / "train.png")
    line = {"processor": processor(), **summary(races, speeds)}
    whole = json.dumps(line | {"speeds": {n: [round(s) for s in of] for n, of in speeds.items()}})
    (said.output / "train.json").write_text(whole + "\n", encoding="utf-8")
    print(report(races, speeds))
    print(json.dumps(line))


def prepared_rows(folder: Path, count: str) -> Rows:
    """The demo's rows through the prepare stage, as arrays."""
    if not (folder / "rows").exists():
        demo_rows.run(["--output", str(folder), "--rows", count, "--seed", "1"])
    command = [sys.executable, "-m", "pipeline.run", "--spec", str(SPEC), "--stages", "prepare"]
    command += ["--input", str(folder / "rows" / "*.parquet"), "--output", str(folder)]
    subprocess.run(command, check=True)
    return rows_in(Output(folder).data.path)


def rows_in(folder: Path) -> Rows:
    """The rows of a data folder; of the held-out ones some."""
    data = read_data(folder)
    features = example_features(data.spec, data.entries)
    sides = []
    for split in ("train", "eval"):
        found = batches(data.files(split), features, batch_size=1024).as_numpy_iterator()
        parts = [_arrays(batch) for batch in found]
        whole = {n: np.concatenate([p[n] for p in parts])[: data.rows(split)] for n in parts[0]}
        sides.append(whole)
    # The first of this order are those that our settings were chosen on.
    some = np.random.default_rng(1).permutation(len(sides[1]["label"]))[-HELD_OUT_ROWS:]
    sides[1] = {name: values[some] for name, values in sides[1].items()}
    sizes = [data.entries[n] for n in ("token", "package", "identifier")]
    return Rows(sides[0], sides[1], sizes[0] + 2, sizes[1] + 2, sizes[2] + 1)


def _arrays(batch: Any) -> dict[str, np.ndarray]:
    return {**batch.features, "label": batch.targets["identifier"]}


def run_races(said: argparse.Namespace, rows: Path) -> Results:
    """{contestant: a result for each seed}; one that was not run has none."""
    races: Results = {}
    told = ["--minutes", str(said.minutes), *(["--epochs", "1"] if said.quick else [])]
    for name in MODULES:
        races[name] = []
        for seed in range(1, (1 if said.quick else SEEDS.get(name, 1)) + 1):
            found = one(said, rows, name, seed, told, wanted=name in said.only)
            races[name] += [found] if found else []
    return races


def run_speeds(said: argparse.Namespace, rows: Path) -> dict[str, list[float]]:
    """{contestant: examples a second of each turn}, the contestants in turns."""
    speeds: dict[str, list[float]] = {name: [] for name in SPEEDS}
    batches = 3 if said.quick else SPEED_BATCHES
    for turn in range(1 if said.quick else TURNS):
        for name in SPEEDS:
            told, wanted = ["--batches", str(batches)], SPEED in said.only
            found = one(said, rows, name, 100 + turn, told, wanted=wanted)
            speeds[name] += [found["examples_per_s"]] if found else []
    return speeds


def one(
    said: argparse.Namespace,
    rows: Path,
    name: str,
    seed: int,
    more: Sequence[str],
    *,
    wanted: bool,
) -> dict[str, Any] | None:
    """The result of one process, from its file where it ran before; None where it is not wanted or
    cannot run. One that was cut off runs again where it is wanted, and counts as far as it came
    where it is not."""
    result = said.output / f"{name.replace(' ', '-').replace(',', '')}-{seed}.json"
    found = _read(result) if result.exists() else None
    module = MODULES.get(name, MODULES[name.split()[0]] if name.startswith("torch") else OURS)
    pythons = {OURS: sys.executable, "benchmarks.train_torch": said.torch_python}
    python = pythons.get(module, said.fasttext_python)
    if not wanted or (found and found.get("ended") != CUT_OFF):
        return found
    if python is None:
        print(f"{name}: not run, no Python was named for it", file=sys.stderr)
        return found
    command = [python, "-m", module, name, "--rows", str(rows), "--output", str(result)]
    print(f"{name}, seed {seed}", file=sys.stderr, flush=True)
    try:
        subprocess.run(
            [*command, "--seed", str(seed), *more], check=True, timeout=150 * said.minutes
        )
    except subprocess.TimeoutExpired:
        print(f"{name}: not finished in {2.5 * said.minutes:g} minutes", file=sys.stderr)
    return _read(result) if result.exists() else None


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(run)
