"""The train stage with all that needs TensorFlow: from a data folder to a run folder.

The command, which has taken the lock by then and read what it was told, is trainer.task.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kinds.parsing import Arrays
from pipeline.failures import Exit, Failure
from pipeline.manifest import fresh_staging, publish, staging, write_text
from pipeline.spec import Spec
from trainer.arithmetic import exact_arithmetic
from trainer.data_folder import Data
from trainer.evaluation import baselines, final_metrics, fit_temperatures
from trainer.network import parameters, shapes
from trainer.network.trained_model import trained_model
from trainer.options import STAGE, Options
from trainer.reporting.history import History, scalars, write_scalars
from trainer.reporting.projector import write_projector
from trainer.reporting.tables import (
    below_baselines,
    below_lines,
    metrics_table,
    parameter_table,
    phase_summary,
    speed_line,
)
from trainer.reporting.tracking import tracked
from trainer.run import Run, open_run
from trainer.storage import copy_in, keep_copy
from trainer.training import checkpoint
from trainer.training.train import nothing, train_run
from trainer.training.warm_start import warm_start
from trainer.tuner import tuner_reports
from trainer.workers import Workers, all_needed, join_workers

COPIED = ("statistics.json", "samples.parquet", "vocabulary", "transform")
MARKER = ".made-from"


def train_stage(
    options: Options, data: Data, spec: Spec, output: Path, made_from: str, *, done: bool
) -> bool:
    """Trains, or finds that the chief is `done`: that is what comes back, on every worker. Raises
    Failure as the exit codes say."""
    workers = join_workers()
    with all_needed(workers):
        if agreed(workers, made_from, done):
            return True
        exact_arithmetic()
        run, train_columns = open_run(data, spec, workers)
        if options.warm_start:
            warm_start(run, Path(options.warm_start))
        if workers.is_chief:
            train_and_publish(options, run, train_columns, output, made_from)
        else:
            train_run(run, staging(output))
    return False


def train_and_publish(
    options: Options, run: Run, train_columns: Arrays, output: Path, made_from: str
) -> None:
    """What the chief does: trains and publishes the folder."""
    work = resumed_staging(output, made_from, force=options.force, copy=options.checkpoints)
    events = options.tensorboard or str(work / "tensorboard")
    with tracked(run.spec, work, os.environ) as tracking:
        told = (*tracking.epochs, *tuner_reports(os.environ))
        history = History(work / "history.jsonl", events, told)
        metrics = make_run_folder(run, train_columns, work, history, copying(work, options))
        tracking.result(metrics)
    (work / MARKER).unlink()
    publish(output, stage=STAGE, made_from=made_from, facts=run_facts(run))
    print(metrics_table(metrics))
    if metrics["below_baseline"]:
        print(f"\n{below_lines(metrics['below_baseline'])}")
    print(f"\ntrain: {options.output}")


def agreed(workers: Workers, made_from: str, done: bool) -> bool:
    """Whether the chief has nothing to do, as all workers know it then. Raises Failure with exit
    code 2 on a worker that was given something else than the chief."""
    own = int(made_from[:15], 16)
    chiefs, chief_is_done = workers.chiefs(own, done)
    if int(chiefs) != own:
        rule = "every worker must have the chief's data, spec and code"
        raise Failure(Exit.USAGE, rule, received=f"others on worker {workers.place}")
    return bool(chief_is_done)


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


def copying(work: Path, options: Options) -> Callable[[], None]:
    """What follows each checkpoint: a copy of the unfinished run, where one is wanted."""
    if options.checkpoints is None:
        return nothing
    folder = options.checkpoints
    return lambda: keep_copy(work, folder)


def make_run_folder(
    run: Run, train_columns: Arrays, work: Path, history: History, saved: Callable[[], None]
) -> dict[str, Any]:
    """Trains, measures and saves into `work`; gives the metrics."""
    print(parameter_table(parameters(run.network)), flush=True)
    train_run(run, work, history=history, saved=saved)
    write_projector(run, history.events)
    lines = (work / "history.jsonl").read_text(encoding="utf-8").splitlines()
    epochs_and_phases = [json.loads(line) for line in lines]
    print(speed_line(epochs_and_phases), flush=True)
    if summary := phase_summary(epochs_and_phases):
        print(summary, flush=True)
    held_out = final_metrics(run)
    write_scalars(history.events, dict(scalars(held_out)), int(run.train_state.finished))
    metrics = held_out | {"baselines": baselines(run, train_columns)}
    metrics["below_baseline"] = below_baselines(metrics)
    temperatures = fit_temperatures(run)
    metrics["temperatures"] = temperatures
    model = trained_model(run.network, temperatures=temperatures, scales=run.scales)
    model.save(work / "model.keras")
    write_text(work / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    write_text(work / "spec.json", run.spec.to_json())
    copy_from_data(run.data.folder, work)
    checkpoint.remove(work / "checkpoints")
    return metrics


def copy_from_data(data: Path, work: Path) -> None:
    """Makes the run folder complete in itself."""
    for name in COPIED:
        if (data / name).is_dir():
            shutil.copytree(data / name, work / name, dirs_exist_ok=True)
        elif (data / name).exists():
            shutil.copy2(data / name, work / name)


def run_facts(run: Run) -> dict[str, Any]:
    manifest = run.data.manifest
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    return {
        "name": run.spec.name,
        "seed": run.spec.training.seed,
        "versions": versions,
        "data_made_from": manifest.made_from,
        "examples": manifest.facts["examples"],
        "weights": shapes(run.network),
        "prepared_at_cost": manifest.facts.get("cost"),
    }
