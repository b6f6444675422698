"""Whether phases of the shared weights help: every way to train them, at equal compute.

    python -m benchmarks.phases --archive codex-m.tar.xz --output RUNS [--results FOLDER]
                                [--sets next_identifier codex] [--seeds 3] [--threads 1]

Two sets of rows, each with its shared block as one 50 x 128 matrix and as a small network, are
trained with the block learning with the rest (joint), never moving (frozen forever), and with
phases by each method, between which the block is frozen or learns on; and without phases for as few
epochs as the runs with them have. The unit of compute is an
epoch over all rows, forward and backward; an evaluation of a phase's objective costs two thirds of
that for its rows (the gradients of all other weights are left out). Runs with phases have fewer
epochs, so that none uses more than `BUDGET`, but for K-FAC's curvature, which is counted. Phases
are kept where their own objective fell (`accept: train`): with the default most would be taken
back, and the runs would show nothing but fewer epochs.

A run that is in RUNS already is not done again. Prints a table and, last, one JSON object with its
figures; both also go to --results.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from benchmarks.phases_rows import HEADS, prepared
from pipeline.failures import main
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.processor import processor
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data_folder import read_data
from trainer.evaluation import final_metrics
from trainer.run import open_run
from trainer.training.due_phases import CURVATURE_EVERY
from trainer.training.train import train_run

BUDGET, EVERY, ROWS, EVALUATIONS = 5, 2, 64_000, 4
GRADIENT_COST = 2 / 3
METHODS = ("steps", "lbfgs", "kfac")
# As many as the runs with phases have: what these add is the difference from that.
FEWER = "fewer epochs"
# 6,400 and 5,856 weights.
BLOCKS: dict[str, dict[str, Any]] = {
    "matrix": {"units": 128},
    "network": {"layers": [{"units": 32}, {"units": 128, "activation": None}]},
}

Said = dict[str, Any]
Figures = dict[str, float]


def variants() -> dict[str, Said | None]:
    """Name to the settings of the phases; None is plain training.

    >>> list(variants())[:3]
    ['joint', 'frozen forever', 'joint, fewer epochs']
    """
    never = {"every": 10**6, "between": "frozen"}
    made: dict[str, Said | None] = {"joint": None, "frozen forever": never}
    made |= {f"{name}, {FEWER}": phases for name, phases in made.items()}
    some = {"every": EVERY, "rows": ROWS, "max_evals": EVALUATIONS, "accept": "train"}
    for between in ("frozen", "joint"):
        for method in METHODS:
            made[f"{between} + {method}"] = {**some, "between": between, "method": method}
    return made


def with_block(spec: Spec, block: str, phases: Said | None, epochs: int, seed: int) -> Spec:
    """The spec with another shared block, phases and seed."""
    said: Said = json.loads(spec.to_json())
    said["shared"] = {"common": {**BLOCKS[block], "phases": phases and {**phases, "seed": seed}}}
    said["training"] |= {"epochs": epochs, "seed": seed, "patience": None}
    return parse_spec(json.dumps(said))


def epochs_within(budget: float, phase: float) -> int:
    """How many epochs leave room for the phases between them, of so many epochs each.

    >>> epochs_within(5, phase=2.0), epochs_within(5, phase=0.0)
    (3, 5)
    """
    return max(e for e in range(1, int(budget) + 1) if e + (e - 1) // EVERY * phase <= budget)


def phase_cost(data: DataFolder, evaluations: float) -> float:
    """Of one phase, in epochs over the train rows."""
    return min(ROWS, data.rows("train")) / data.rows("train") * evaluations * GRADIENT_COST


def trained(data: DataFolder, spec: Spec, folder: Path, head: str) -> Figures:
    """Trains, unless that was done before; gives what was reached on test rows."""
    path = folder / "figures.json"
    if not path.exists():
        keras.backend.clear_session()
        folder.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        run, _ = open_run(data, spec)
        train_run(run, folder)
        reached = final_metrics(run)[0]["test"][head]
        figures = {
            "log_loss": reached["log_loss"],
            "accuracy_at_10": reached["accuracy@10"],
            **phase_figures(data, RunFolder(folder).history()),
            "seconds": round(time.monotonic() - started, 1),
        }
        path.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    read: Figures = json.loads(path.read_text(encoding="utf-8"))
    return read


def phase_figures(data: DataFolder, history: Sequence[dict[str, Any]]) -> Figures:
    """The compute of a run in epochs, and how many of its phases were kept."""
    phases = [phase for line in history for phase in line.get("phases", [])]
    compute = float(sum("epoch" in line for line in history))
    for phase in phases:
        curvatures = phase["curvatures"] / CURVATURE_EVERY
        compute += phase_cost(data, phase["evaluations"] + curvatures)
    kept = sum(phase["accepted"] for phase in phases)
    return {"compute": compute, "phases": len(phases), "kept": kept}


def summary(runs: Sequence[Figures]) -> Said:
    """Means over the seeds, and the ranges of both metrics; phases are added up, and the log losses
    stand one by one."""
    means = {name: round(statistics.mean(r[name] for r in runs), 4) for name in runs[0]}
    for name in ("log_loss", "accuracy_at_10"):
        values = [r[name] for r in runs]
        means[f"{name}_range"] = round(max(values) - min(values), 4)
    means |= {name: sum(r[name] for r in runs) for name in ("phases", "kept")}
    return {**means, "log_loss_of_seeds": [round(r["log_loss"], 4) for r in runs]}


def table(results: dict[str, dict[str, Said]]) -> str:
    """One line for each set, block and variant."""
    lines = ["| rows, block, training | log loss | range | accuracy@10 | range | compute | kept |"]
    lines.append("|---|---|---|---|---|---|---|")
    for place, variants_of in results.items():
        for name, r in variants_of.items():
            kept = f"{r['kept']:.0f} of {r['phases']:.0f}" if r["phases"] else ""
            cells = [f"{r['log_loss']:.4f}", f"{r['log_loss_range']:.4f}"]
            cells += [f"{r['accuracy_at_10']:.4f}", f"{r['accuracy_at_10_range']:.4f}"]
            lines.append(
                f"| {place}, {name} | " + " | ".join([*cells, f"{r['compute']:.2f}", kept])
            )
            lines[-1] += " |"
    return "\n".join(lines)


def train_set(name: str, data: DataFolder, output: Path, seeds: int) -> dict[str, dict[str, Said]]:
    """All runs over one set of rows, seed after seed; {"set, block": {variant: figures}}."""
    runs: dict[tuple[str, str], list[Figures]] = {}
    for seed in range(1, seeds + 1):
        for block in BLOCKS:
            for variant, phases in variants().items():
                plain = variant in ("joint", "frozen forever")
                cost = 0.0 if plain else phase_cost(data, EVALUATIONS)
                spec = with_block(data.spec, block, phases, epochs_within(BUDGET, cost), seed)
                folder = output / name / block / variant.replace(" ", "_") / str(seed)
                figures = trained(data, spec, folder, HEADS[name])
                print(f"{name}, {block}, {variant}, {seed}: {figures}", file=sys.stderr, flush=True)
                runs.setdefault((block, variant), []).append(figures)
    return {
        f"{name}, {block}": {v: summary(runs[block, v]) for v in variants()} for block in BLOCKS
    }


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases")
    parser.add_argument("--archive", type=Path, required=True, help="codex-m.tar.xz")
    parser.add_argument("--output", type=Path, required=True, help="folder for rows and runs")
    parser.add_argument("--results", type=Path, help="folder for the table and its figures")
    parser.add_argument("--sets", nargs="+", default=list(HEADS), choices=list(HEADS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of TensorFlow")
    options = parser.parse_args(arguments)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    results: dict[str, dict[str, Said]] = {}
    for name in options.sets:
        data = read_data(prepared(name, options.output, options.archive))
        results |= train_set(name, data, options.output / "runs", options.seeds)
    line = json.dumps(
        {
            "benchmark": "phases",
            "processor": processor(),
            "seeds": options.seeds,
            "results": results,
        }
    )
    if options.results:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "phases.json").write_text(line + "\n", encoding="utf-8")
        (options.results / "phases.md").write_text(table(results) + "\n", encoding="utf-8")
    print(table(results))
    print(line)


if __name__ == "__main__":
    main(run)
