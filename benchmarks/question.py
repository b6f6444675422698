"""The question's variants on the next-identifier rows: one matrix or several, other targets or
none, and how to combine ten tokens.

    python -m benchmarks.question --data demo/400000/data --output OUT [--epochs 2]

Every variant is the demo's spec with one thing changed, trained on the same prepared examples for
the same number of epochs. Prints a table and, last, one JSON object.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.failures import main
from pipeline.folders.data import DataFolder
from pipeline.folders.output import Output
from pipeline.processor import processor
from pipeline.spec import Spec
from pipeline.spec.file import read_spec

DEMO = Path(__file__).parent.parent / "examples" / "next_identifier" / "spec.yaml"
HEAD = "identifier"
RECURRENT = {"lstm": {"units": 128}, "gru": {"units": 128}}

Said = dict[str, Any]


def variants(spec: Spec) -> dict[str, Said]:
    """Name to spec; the first is the demo's own."""
    made = {"one matrix, concat": said(spec)}
    for way in ("mean", "lstm", "gru", "attention"):
        changed = said(spec)
        changed["inputs"]["tokens"] |= {"combine": way, **RECURRENT.get(way, {})}
        made[f"one matrix, {way}"] = changed
    made["a matrix for each input"] = with_own_matrices(spec)
    made["no matrix, tables of 128"] = without_matrix(spec)
    made["one matrix, this target only"] = with_one_target(spec)
    return made


def said(spec: Spec) -> Said:
    parts: Said = json.loads(spec.to_json())
    return parts


def with_own_matrices(spec: Spec) -> Said:
    changed = said(spec)
    block = changed["shared"].pop("common")
    for name in ("tokens", "package"):
        changed["shared"][f"of_{name}"] = block
        changed["inputs"][name]["through"] = f"of_{name}"
    return changed


def without_matrix(spec: Spec) -> Said:
    changed = said(spec)
    units = changed["shared"].pop("common")["units"]
    for name in ("tokens", "package"):
        changed["inputs"][name] |= {"through": None, "embedding": units}
    return changed


def with_one_target(spec: Spec) -> Said:
    """The other heads stay, so that the examples stay the same, and count for next to nothing."""
    changed = said(spec)
    for name, head in changed["heads"].items():
        head["weight"] = 1.0 if name == HEAD else 1e-9
    return changed


def trained(changed: Said, data: Path, folder: Path, epochs: int) -> dict[str, float]:
    """Trains a variant unless that was done before; gives what it reached on test rows."""
    folder.mkdir(parents=True, exist_ok=True)
    changed["training"]["epochs"] = epochs
    path, made = folder / "spec.yaml", Output(folder).run
    path.write_text(json.dumps(changed, indent=2), encoding="utf-8")
    command = ["trainer.task", "--data", data, "--output", made.path, "--spec", path]
    subprocess.run([sys.executable, "-m", *map(str, command)], check=True)
    reached = made.metrics["test"][HEAD]
    return {
        "log_loss": round(reached["log_loss"], 4),
        "accuracy_at_1": round(reached["accuracy@1"], 4),
        "accuracy_at_10": round(reached["accuracy@10"], 4),
        "train_seconds": round(sum(line.get("seconds", 0.0) for line in made.history())),
    }


def table(results: dict[str, dict[str, float]]) -> str:
    lines = ["| variant | log loss | accuracy@1 | accuracy@10 | seconds |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | " + " | ".join(map(str, r.values())) + " |" for name, r in results.items()
    ]
    return "\n".join(lines)


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.question")
    parser.add_argument("--data", type=Path, required=True, help="the demo's prepared examples")
    parser.add_argument("--output", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args(arguments)
    DataFolder(options.data).verified()
    results = {
        name: trained(
            changed, options.data, options.output / name.replace(" ", "_"), options.epochs
        )
        for name, changed in variants(read_spec(DEMO)).items()
    }
    print(table(results))
    print(
        json.dumps(
            {
                "benchmark": "question",
                "processor": processor(),
                "epochs": options.epochs,
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main(run)
