"""Do phases of the shared weights help? Every way of having them, and not, at equal compute.

    python -m benchmarks.phases --data OUT/data --output RUNS [--seeds 3] [--budget 8]

The spec of the prepared examples is trained with its shared block as one matrix and as a small
network: learning with the rest (joint), never moving (frozen forever), and with phases by each
method, between which the block is frozen or learns on. The unit of compute is an epoch over all
rows, forward and backward; an evaluation of a phase's objective costs two thirds of that for its
rows (the gradients of all other weights are left out), a held-out loss one third. Runs with phases
have fewer epochs, so that no run uses more than `--budget`.

Prints a table and, last, one JSON object with its figures; both also go to --output.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.failures import main
from pipeline.manifest import verify
from pipeline.spec import Classification, Spec
from pipeline.spec_file import read_spec
from trainer.run import CURVATURE_EVERY

EVERY, SHARE_OF_ROWS, EVALUATIONS = 2, 8, 12
GRADIENT_COST, LOSS_COST = 2 / 3, 1 / 3
BLOCKS: dict[str, dict[str, Any]] = {
    "matrix": {"units": 128},
    "network": {"layers": [{"units": 128}, {"units": 128, "activation": None}]},
}
METHODS = {"matrix": ("steps", "lbfgs", "kfac"), "network": ("steps", "lbfgs")}

Said = dict[str, Any]


def variants(block: str, rows: int) -> dict[str, Said | None]:
    """Name to the settings of the phases; None is plain training."""
    never = {"every": 10**6, "between": "frozen"}
    made: dict[str, Said | None] = {"joint": None, "frozen forever": never}
    some = {"every": EVERY, "rows": max(1, rows // SHARE_OF_ROWS), "max_evals": EVALUATIONS}
    for between in ("frozen", "joint"):
        for method in METHODS[block]:
            made[f"{between} + {method}"] = {**some, "between": between, "method": method}
    return made


def with_block(spec: Spec, block: str, phases: Said | None, epochs: int, seed: int) -> Said:
    """The spec with one shared block, through which go all inputs as wide as its first one."""
    said: Said = json.loads(spec.to_json())
    embedded = spec.embedded_inputs()
    width = next(iter(embedded.values())).embedding
    for name, part in embedded.items():
        said["inputs"][name]["through"] = "common" if part.embedding == width else None
    said["shared"] = {"common": {**BLOCKS[block], "phases": phases and {**phases, "seed": seed}}}
    said["training"] |= {"epochs": epochs, "seed": seed, "patience": None}
    return said


def epochs_within(budget: int, held_out: float) -> int:
    """How many epochs leave room for the phases between them; `held_out` is the share of the train
    rows that the held-out loss is taken over, before and after each phase.

    >>> epochs_within(8, held_out=0.0), epochs_within(8, held_out=0.1)
    (6, 5)
    """
    phase = EVALUATIONS * GRADIENT_COST / SHARE_OF_ROWS + 2 * held_out * LOSS_COST
    return max(e for e in range(1, budget + 1) if e + (e - 1) // EVERY * phase <= budget)


def trained(said: Said, data: Path, folder: Path) -> Path:
    """Trains, unless that was done before; gives the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "spec.json"
    path.write_text(json.dumps(said, indent=2), encoding="utf-8")
    command = ["trainer.task", "--data", data, "--output", folder / "run", "--spec", path]
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True, capture_output=True)
    return folder / "run"


def reached(run: Path, head: str, examples: dict[str, int]) -> dict[str, float]:
    """What a run got to on test rows, and the compute that it used."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"][head]
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    phases = [phase for line in lines for phase in line.get("phases", [])]
    compute = float(sum("epoch" in line for line in lines))
    for phase in phases:
        share = phase["rows"] / examples["train"]
        passes = phase["evaluations"]
        if phase["method"] == "kfac":
            passes += (len(phase["step_lengths"]) + 1) / CURVATURE_EVERY
        compute += passes * share * GRADIENT_COST
        compute += 2 * examples["eval"] / examples["train"] * LOSS_COST
    return {
        "log_loss": metrics["log_loss"],
        "accuracy_at_10": metrics["accuracy@10"],
        "compute": compute,
        "kept": sum(phase["accepted"] for phase in phases) / max(1, len(phases)),
    }


def summary(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over the seeds, and the range of the log loss."""
    means = {name: round(statistics.mean(r[name] for r in runs), 4) for name in runs[0]}
    losses = [r["log_loss"] for r in runs]
    return {**means, "log_loss_range": round(max(losses) - min(losses), 4)}


def table(results: dict[str, dict[str, float]]) -> str:
    columns = ("log_loss", "log_loss_range", "accuracy_at_10", "compute", "kept")
    lines = ["| block, training | log loss | range | accuracy@10 | compute | phases kept |"]
    lines.append("|---|---|---|---|---|---|")
    for name, of_name in results.items():
        lines.append("| " + " | ".join([name, *(f"{of_name[c]:.4g}" for c in columns)]) + " |")
    return "\n".join(lines)


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases")
    parser.add_argument("--data", type=Path, required=True, help="prepared examples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--blocks", nargs="+", default=list(BLOCKS), choices=list(BLOCKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=8, help="in epochs over all rows")
    options = parser.parse_args(arguments)
    examples = verify(options.data, stage="data").facts["examples"]
    spec = read_spec(options.data / "spec.json")
    head = next(n for n, part in spec.heads.items() if isinstance(part, Classification))
    results = {}
    for block in options.blocks:
        for name, phases in variants(block, examples["train"]).items():
            plain = name in ("joint", "frozen forever")
            held_out = examples["eval"] / examples["train"]
            epochs = options.budget if plain else epochs_within(options.budget, held_out)
            runs = []
            for seed in range(1, options.seeds + 1):
                said = with_block(spec, block, phases, epochs, seed)
                folder = options.output / block / name.replace(" ", "_") / str(seed)
                runs.append(reached(trained(said, options.data, folder), head, examples))
            results[f"{block}, {name}"] = summary(runs)
            print(f"{block}, {name}: {results[f'{block}, {name}']}", file=sys.stderr, flush=True)
    print(table(results))
    line = json.dumps({"benchmark": "phases", "spec": spec.name, "results": results})
    (options.output / "results.json").write_text(line + "\n", encoding="utf-8")
    (options.output / "results.md").write_text(table(results) + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main(run)
