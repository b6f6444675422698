"""Trains the network of a spec on a folder of prepared examples.

    python -m trainer.task --data OUT/data --output OUT/run

Running it again does nothing while data, spec and code are the same. A run that was killed goes on
where its last checkpoint was.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pipeline.failures import Exit, Failure, main
from pipeline.manifest import (
    code_hash,
    combined_hash,
    fresh_staging,
    is_done,
    lock,
    publish,
    staging,
    write_text,
)
from pipeline.spec import Spec
from pipeline.spec_file import read_spec
from trainer.data import Data, read_data
from trainer.network import inference_model, parameters, shapes
from trainer.report import metrics_table, parameter_table, phase_summary
from trainer.run import baselines, final_metrics, fit_temperatures, open_run, train_run
from trainer.workers import ALONE, Workers, all_needed, join_workers

STAGE = "run"
COPIED = ("statistics.json", "samples.parquet", "vocabulary", "transform")
MARKER = ".made-from"

Shapes = dict[str, dict[str, list[int]]]


def run(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m trainer.task", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepare stage")
    parser.add_argument("--output", type=Path, required=True, help="the folder to make")
    parser.add_argument("--spec", type=Path, help="another spec over the same prepared examples")
    parser.add_argument("--force", action="store_true", help="start over, replace what is there")
    said = parser.parse_args(argv)
    workers = join_workers()
    with all_needed(workers), lock(said.output) if workers.is_chief else nullcontext():
        train_stage(said.data, said.output, workers, spec_path=said.spec, force=said.force)


def train_stage(
    data_folder: Path, output: Path, workers: Workers, *, spec_path: Path | None, force: bool
) -> None:
    """Data folder to run folder. Raises Failure as the exit codes say."""
    data = read_data(data_folder)
    spec = data.spec if spec_path is None else spec_for(data, spec_path)
    made_from = combined_hash([data.manifest.identity(), spec.to_json(), code_hash("trainer")])
    done = workers.is_chief and is_done(output, stage=STAGE, made_from=made_from, force=force)
    if agreed(workers, made_from, done):
        print(f"train: {output} is up to date")
        return
    # Resuming to the same bits needs every operation to give the same bits twice.
    tf.config.experimental.enable_op_determinism()
    if not workers.is_chief:
        train_run(open_run(data, spec, workers)[0], staging(output))
        return
    work = resumed_staging(output, made_from, force=force)
    metrics, weights = make_run_folder(data, spec, work, workers)
    (work / MARKER).unlink()
    publish(output, stage=STAGE, made_from=made_from, facts=run_facts(data, spec, weights))
    print(metrics_table(metrics))
    print(f"\ntrain: {output}")


def agreed(workers: Workers, made_from: str, done: bool) -> bool:
    """Whether the chief has nothing to do, as all workers know it then. Raises Failure with exit
    code 2 on a worker that was given something else than the chief."""
    own = int(made_from[:15], 16)
    chiefs, chief_is_done = workers.chiefs(own, done)
    if int(chiefs) != own:
        rule = "every worker must have the chief's data, spec and code"
        raise Failure(Exit.USAGE, rule, received=f"others on worker {workers.place}")
    return bool(chief_is_done)


def spec_for(data: Data, path: Path) -> Spec:
    """Another spec for examples that are prepared already."""
    spec = read_spec(path)
    if spec.preparation_hash() != data.spec.preparation_hash():
        rule = (
            "--spec may differ from the spec of the data in shared, trunk, training and the "
            "network's sides of inputs and heads; for another preparation run prepare again"
        )
        raise Failure(Exit.USAGE, rule, received=path)
    return spec


def resumed_staging(output: Path, made_from: str, *, force: bool) -> Path:
    """The staging folder: as an interrupted run for the same inputs left it, else empty."""
    work = staging(output)
    marker = work / MARKER
    if force or not marker.exists() or marker.read_text(encoding="utf-8") != made_from:
        work = fresh_staging(output)
        write_text(marker, made_from)
    return work


def make_run_folder(
    data: Data, spec: Spec, work: Path, workers: Workers = ALONE
) -> tuple[dict[str, Any], Shapes]:
    """Trains, measures and saves into `work`; gives the metrics, and the weights' shapes."""
    made, train_columns = open_run(data, spec, workers)
    print(parameter_table(parameters(made.network)), flush=True)
    train_run(made, work)
    history = (work / "history.jsonl").read_text(encoding="utf-8").splitlines()
    if said := phase_summary([json.loads(line) for line in history]):
        print(said, flush=True)
    metrics = final_metrics(made) | {"baselines": baselines(made, train_columns)}
    temperatures = fit_temperatures(made)
    metrics["temperatures"] = temperatures
    model = inference_model(made.network, temperatures=temperatures, scales=made.scales)
    model.save(work / "model.keras")
    write_text(work / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    write_text(work / "spec.json", spec.to_json())
    copy_from_data(data.folder, work)
    shutil.rmtree(work / "checkpoints")
    return metrics, shapes(made.network)


def copy_from_data(data: Path, work: Path) -> None:
    """Makes the run folder complete in itself."""
    for name in COPIED:
        if (data / name).is_dir():
            shutil.copytree(data / name, work / name, dirs_exist_ok=True)
        elif (data / name).exists():
            shutil.copy2(data / name, work / name)


def run_facts(data: Data, spec: Spec, weights: Shapes) -> dict[str, Any]:
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    return {
        "name": spec.name,
        "seed": spec.training.seed,
        "versions": versions,
        "data_made_from": data.manifest.made_from,
        "examples": data.manifest.facts["examples"],
        "weights": weights,
        "prepared_at_cost": data.manifest.facts.get("cost"),
    }


if __name__ == "__main__":
    main(run)
