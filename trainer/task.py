"""Trains the network of a spec on a folder of prepared examples.

    python -m trainer.task --data OUT/data --output OUT/run

Running it again does nothing while data, spec and code are the same. A run that was killed goes on
where its last checkpoint was.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
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
    read_manifest,
    staging,
    write_text,
)
from pipeline.room import room
from pipeline.spec import Spec
from pipeline.spec_file import parse_spec, read_spec
from trainer import checkpoint
from trainer.data import Data, read_data
from trainer.history import History, scalars, write_scalars
from trainer.judgement import baselines, final_metrics, fit_temperatures
from trainer.network import inference_model, parameters, shapes
from trainer.options import Options, read_options
from trainer.projector import write_projector
from trainer.report import metrics_table, parameter_table, phase_summary, speed_line
from trainer.run import Arrays, Run, open_run
from trainer.storage import copy_in, is_elsewhere, keep_copy, publish_out
from trainer.tracking import tracked
from trainer.training import nothing, train_run
from trainer.tuner import tuner_reports
from trainer.warm_start import warm_start
from trainer.workers import Workers, all_needed, join_workers

STAGE = "run"
COPIED = ("statistics.json", "samples.parquet", "vocabulary", "transform")
MARKER = ".made-from"


def run(argv: Sequence[str]) -> None:
    said = read_options(argv, os.environ, __doc__ or "")
    workers = join_workers()
    with all_needed(workers), TemporaryDirectory(prefix="trainer-") as scratch:
        data = at_hand(said.data, Path(scratch) / "data")
        if said.print_config:
            print(chosen_spec(read_data(data), said.spec, said.settings).to_json(), end="")
            return
        output = at_hand(said.output, Path(scratch) / "run")
        with lock(output) if workers.is_chief else nullcontext(), room(output):
            train_stage(said, data, output, workers)
            if workers.is_chief and is_elsewhere(said.output):
                publish_out(output, said.output)


def at_hand(folder: str, local: Path) -> Path:
    """A folder as a local one: itself, or a copy of what is there."""
    if not is_elsewhere(folder):
        return Path(folder)
    copy_in(folder, local)
    return local


def train_stage(said: Options, data_folder: Path, output: Path, workers: Workers) -> None:
    """Data folder to run folder. Raises Failure as the exit codes say."""
    data = read_data(data_folder)
    spec = chosen_spec(data, said.spec, said.settings)
    earlier = Path(said.warm_start) if said.warm_start else None
    start = [read_manifest(earlier, stage=STAGE).identity()] if earlier else []
    parts = [data.manifest.identity(), spec.to_json(), code_hash("trainer"), *start]
    made_from = combined_hash(parts)
    done = workers.is_chief and is_done(output, stage=STAGE, made_from=made_from, force=said.force)
    if agreed(workers, made_from, done):
        print(f"train: {output} is up to date")
        return
    # Resuming to the same bits needs every operation to give the same bits twice.
    tf.config.experimental.enable_op_determinism()
    made, train_columns = open_run(data, spec, workers)
    if earlier:
        warm_start(made, earlier)
    if not workers.is_chief:
        train_run(made, staging(output))
        return
    work = resumed_staging(output, made_from, force=said.force, copy=said.checkpoints)
    events = said.tensorboard or str(work / "tensorboard")
    with tracked(spec, work, os.environ) as tracking:
        told = (*tracking.epochs, *tuner_reports(os.environ))
        history = History(work / "history.jsonl", events, told)
        metrics = make_run_folder(made, train_columns, work, history, copying(work, said))
        tracking.result(metrics)
    (work / MARKER).unlink()
    publish(output, stage=STAGE, made_from=made_from, facts=run_facts(made))
    print(metrics_table(metrics))
    print(f"\ntrain: {said.output}")


def agreed(workers: Workers, made_from: str, done: bool) -> bool:
    """Whether the chief has nothing to do, as all workers know it then. Raises Failure with exit
    code 2 on a worker that was given something else than the chief."""
    own = int(made_from[:15], 16)
    chiefs, chief_is_done = workers.chiefs(own, done)
    if int(chiefs) != own:
        rule = "every worker must have the chief's data, spec and code"
        raise Failure(Exit.USAGE, rule, received=f"others on worker {workers.place}")
    return bool(chief_is_done)


def chosen_spec(data: Data, path: str | None, settings: Sequence[str]) -> Spec:
    """The data's spec or another one, changed by settings, for examples that are prepared."""
    if path is None:
        spec = parse_spec(data.spec.to_json(), settings=settings)
    else:
        spec = read_spec(path, settings=settings)
    if spec.preparation_hash() != data.spec.preparation_hash():
        rule = (
            "--spec and --set may differ from the spec of the data in shared, trunk, training and "
            "the network's sides of inputs and heads; for another preparation run prepare again"
        )
        raise Failure(Exit.USAGE, rule, received=path or " ".join(settings))
    return spec


def resumed_staging(output: Path, made_from: str, *, force: bool, copy: str | None = None) -> Path:
    """The staging folder: as an interrupted run for the same inputs left it, here or in a copy
    that was kept elsewhere, else empty."""
    work = staging(output)
    marker = work / MARKER
    if copy and not force and not marker.exists():
        copy_in(copy, work)
    if force or not marker.exists() or marker.read_text(encoding="utf-8") != made_from:
        work = fresh_staging(output)
        write_text(marker, made_from)
    return work


def copying(work: Path, said: Options) -> Callable[[], None]:
    """What follows each checkpoint: a copy of the unfinished run, where one is wanted."""
    if said.checkpoints is None:
        return nothing
    folder = said.checkpoints
    return lambda: keep_copy(work, folder)


def make_run_folder(
    made: Run, train_columns: Arrays, work: Path, history: History, saved: Callable[[], None]
) -> dict[str, Any]:
    """Trains, measures and saves into `work`; gives the metrics."""
    print(parameter_table(parameters(made.network)), flush=True)
    train_run(made, work, history=history, saved=saved)
    write_projector(made, history.events)
    lines = (work / "history.jsonl").read_text(encoding="utf-8").splitlines()
    epochs_and_phases = [json.loads(line) for line in lines]
    print(speed_line(epochs_and_phases), flush=True)
    if said := phase_summary(epochs_and_phases):
        print(said, flush=True)
    held_out = final_metrics(made)
    write_scalars(history.events, dict(scalars(held_out)), int(made.course.finished))
    metrics = held_out | {"baselines": baselines(made, train_columns)}
    temperatures = fit_temperatures(made)
    metrics["temperatures"] = temperatures
    model = inference_model(made.network, temperatures=temperatures, scales=made.scales)
    model.save(work / "model.keras")
    write_text(work / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    write_text(work / "spec.json", made.spec.to_json())
    copy_from_data(made.data.folder, work)
    checkpoint.remove(work / "checkpoints")
    return metrics


def copy_from_data(data: Path, work: Path) -> None:
    """Makes the run folder complete in itself."""
    for name in COPIED:
        if (data / name).is_dir():
            shutil.copytree(data / name, work / name, dirs_exist_ok=True)
        elif (data / name).exists():
            shutil.copy2(data / name, work / name)


def run_facts(made: Run) -> dict[str, Any]:
    manifest = made.data.manifest
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    return {
        "name": made.spec.name,
        "seed": made.spec.training.seed,
        "versions": versions,
        "data_made_from": manifest.made_from,
        "examples": manifest.facts["examples"],
        "weights": shapes(made.network),
        "prepared_at_cost": manifest.facts.get("cost"),
    }


if __name__ == "__main__":
    main(run)
