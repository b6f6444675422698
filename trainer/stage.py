"""The train stage with all that needs TensorFlow: from a data folder to a run folder.

The command, which has taken the lock by then and read what it was told, is trainer.task.
"""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kinds.parsing import Arrays
from pipeline.console.progress import duration, lasting
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.run import RunFolder
from pipeline.manifest import fresh_staging, staging, write_text
from pipeline.spec import Spec
from trainer.arithmetic import exact_arithmetic
from trainer.evaluation import (
    baselines,
    final_metrics,
    fit_temperatures,
    shift_biases,
    unknown_targets,
)
from trainer.evaluation.conformal import calibrated
from trainer.evaluation.gates import judge_parts
from trainer.network import parameters, shapes
from trainer.network.trained_model import trained_model
from trainer.options import Options
from trainer.recipe.rules import MINUTES, as_before, first
from trainer.recipe.trials import counted_facts, tried
from trainer.reporting.history import History, scalars, write_scalars
from trainer.reporting.projector import write_projector
from trainer.reporting.tables import (
    Ended,
    below_baselines,
    below_lines,
    metrics_table,
    parameter_table,
    parts_tables,
    phase_summary,
    speed_line,
)
from trainer.reporting.tracking import tracked
from trainer.reporting.verdict import verdict
from trainer.run import Run, count_train_rows, make_run, run_features
from trainer.starting import ALL, Start, start_from
from trainer.starting.fold_in import new_ids_line, with_new_rows
from trainer.starting.kept_memories import KeptMemories
from trainer.starting.standing import kept_metrics, put_back
from trainer.storage import copy_in, keep_copy
from trainer.training import checkpoint
from trainer.training.new_ids_first import new_ids_first
from trainer.training.train import nothing, train_run
from trainer.training.warm_start import warm_start
from trainer.tuner import tuner_reports
from trainer.workers import Workers, all_needed, join_workers


def train_stage(
    options: Options, data: DataFolder, spec: Spec, output: Path, made_from: str, *, done: bool
) -> bool:
    """Trains, or finds that the chief is `done`: that is what comes back, on every worker. Raises
    Failure as the exit codes say."""
    started = time.monotonic()
    workers = join_workers()
    with all_needed(workers):
        if agreed(workers, made_from, done):
            return True
        exact_arithmetic()
        work = RunFolder(staging(output))
        if workers.is_chief:
            work = resumed_staging(output, made_from, force=options.force, copy=options.checkpoints)
        with lasting("count the training rows"):
            train_columns = count_train_rows(data, spec)
        if spec.training.auto:
            spec = closed(options, data, spec, train_columns, work, workers)
        start = start_of(options, data, spec, workers)
        if start and start.keeps_heads:
            data = KeptMemories(data.path, spec, start.earlier)
        run = make_run(data, spec, train_columns, run_features(data, spec), workers, start)
        if start:
            warm_start(run, start.earlier.path)
            if start.learn == ALL and not checkpoint.is_there(work.checkpoints):
                new_ids_first(run)
        if workers.is_chief:
            train_and_publish(options, run, train_columns, work, output, made_from)
            print(f"\ntrain: {options.output} in {duration(time.monotonic() - started)}")
        else:
            train_run(run, work.path)
    return False


def start_of(options: Options, data: DataFolder, spec: Spec, workers: Workers) -> Start | None:
    """Whose weights the run starts from, if it does not start anew."""
    if options.warm_start is None:
        return None
    if options.learn == "new" and workers.devices > 1:
        rule = "--learn new reads few rows: it runs on one machine, with one GPU at most"
        raise Failure(Exit.USAGE, rule, received=f"{workers.devices} devices")
    return start_from(RunFolder(Path(options.warm_start)), options.learn, data, spec)


def closed(
    options: Options,
    data: DataFolder,
    said: Spec,
    train_columns: Arrays,
    work: RunFolder,
    workers: Workers,
) -> Spec:
    """The spec with all that it leaves open: by trials, by the rules alone where several machines
    or devices would have to agree on a clock, or as the run had it whose weights are the start."""
    if options.warm_start:
        return as_before(said, RunFolder(Path(options.warm_start)).spec)
    if workers.devices > 1:
        return first(said, counted_facts(said, data))
    seconds = 60 * (said.training.minutes or MINUTES) - options.spent
    seconds -= time.monotonic() - options.started
    return tried(work, said, data, train_columns, seconds, copying(work.path, options))


def train_and_publish(
    options: Options,
    run: Run,
    train_columns: Arrays,
    work: RunFolder,
    output: Path,
    made_from: str,
) -> None:
    """What the chief does: trains and publishes the folder."""
    events = options.tensorboard or str(work.events)
    with tracked(run.spec, work.path, os.environ) as tracking:
        told = (*tracking.epochs, *tuner_reports(os.environ))
        history = History(work.history_path, events, told)
        saved = copying(work.path, options)
        metrics, ended = make_run_folder(run, train_columns, work, history, saved)
        tracking.result(metrics)
    work.made_from_path.unlink()
    kinds = {name: head.kind for name, head in run.spec.heads.items()}
    said = verdict(metrics, kinds, run.data.statistics)
    facts = {**run_facts(run), "ended": ended.facts(), "verdict": said}
    RunFolder(output).publish(made_from, facts)
    labels = run.data.statistics.labels_of
    print(metrics_table(metrics, labels, show_test=options.show_test))
    if lines := parts_tables(metrics, kinds, labels):
        print(f"\n{lines}")
    if lines := below_lines(metrics, show_test=options.show_test):
        print(f"\n{lines}")
    print("\n".join(["", *said]))


def agreed(workers: Workers, made_from: str, done: bool) -> bool:
    """Whether the chief has nothing to do, as all workers know it then. Raises Failure with exit
    code 2 on a worker that was given something else than the chief."""
    own = int(made_from[:15], 16)
    chiefs, chief_is_done = workers.chiefs(own, done)
    if int(chiefs) != own:
        rule = "every worker must have the chief's data, spec and code"
        raise Failure(Exit.USAGE, rule, received=f"others on worker {workers.place}")
    return bool(chief_is_done)


def resumed_staging(
    output: Path, made_from: str, *, force: bool, copy: str | None = None
) -> RunFolder:
    """The staging folder: as an interrupted run for the same inputs left it, here or in a copy
    that was kept elsewhere, else empty."""
    work = staging(output)
    marker = RunFolder(work).made_from_path
    if copy and not force and not marker.exists():
        copy_in(copy, work)
    if force or not marker.exists() or marker.read_text(encoding="utf-8") != made_from:
        work = fresh_staging(output)
        write_text(marker, made_from)
    return RunFolder(work)


def copying(work: Path, options: Options) -> Callable[[], None]:
    """What follows each checkpoint: a copy of the unfinished run, where one is wanted."""
    if options.checkpoints is None:
        return nothing
    folder = options.checkpoints
    return lambda: keep_copy(work, folder)


def make_run_folder(
    run: Run, train_columns: Arrays, work: RunFolder, history: History, saved: Callable[[], None]
) -> tuple[dict[str, Any], Ended]:
    """Trains, measures and saves into `work`; gives the metrics, and how training ended."""
    ended = _train(run, work, history, saved)
    if not (run.start and run.start.keeps_heads):
        shift_biases(run)
    temperatures = _temperatures(run)
    metrics = _measure(run, train_columns, temperatures, history)
    with lasting("save the model"):
        _save_model(run, temperatures, work)
    work.write_metrics(metrics)
    work.write_spec(run.spec)
    work.copy_prepared(run.data)
    if isinstance(run.data, KeptMemories):
        run.data.write_memories(work)
    checkpoint.remove(work.checkpoints)
    return metrics, ended


def _train(run: Run, work: RunFolder, history: History, saved: Callable[[], None]) -> Ended:
    print(parameter_table(parameters(run.network)), flush=True)
    # The trials have trained it already.
    by_trials = work.trials_path.exists()
    learning = run
    if run.start and run.start.learn == "new":
        learning = with_new_rows(run, run.start)
        print(new_ids_line(learning), flush=True)
    ended = train_run(
        learning,
        work.path,
        history=history,
        saved=saved,
        time_is_up=lambda: by_trials,
        quiet=by_trials,
    )
    print(ended.line(), flush=True)
    with lasting("write the projector"):
        write_projector(run, history.events)
    epochs_and_phases = work.history()
    print(speed_line(epochs_and_phases), flush=True)
    if summary := phase_summary(epochs_and_phases):
        print(summary, flush=True)
    return ended


def _temperatures(run: Run) -> dict[str, float]:
    """Of each head that has one: fitted, or as it was where the heads stand still."""
    if run.start and run.start.keeps_heads:
        kept: dict[str, float] = run.start.earlier.metrics["temperatures"]
        return kept
    with lasting("fit the temperatures"):
        return fit_temperatures(run)


def _measure(
    run: Run, train_columns: Arrays, temperatures: Mapping[str, float], history: History
) -> dict[str, Any]:
    """What `metrics.json` holds."""
    parts = judge_parts(run, temperatures) if run.network.memories else {}
    calibration = calibrated(run, temperatures)
    held_out, intervals = final_metrics(run)
    write_scalars(history.events, dict(scalars(held_out)), int(run.train_state.finished))
    metrics: dict[str, Any] = {**held_out}
    with lasting("count the baselines"):
        less = baselines(run, train_columns)
        metrics["baselines"] = {name: of.metrics() for name, of in less.items()}
        metrics["baseline_intervals"] = {name: of.intervals() for name, of in less.items()}
    kinds = {name: head.kind for name, head in run.spec.heads.items()}
    metrics["intervals"] = intervals
    metrics["below_baseline"] = below_baselines(metrics, kinds)
    metrics |= {"temperatures": temperatures, "unknown_targets": unknown_targets(run.spec)}
    metrics |= {"memory": parts} if parts else {}
    metrics |= calibration
    metrics |= {"vectors": run.data.statistics.vectors} if run.spec.tables else {}
    if run.start and run.start.keeps_heads:
        return kept_metrics(run.start, metrics)
    return metrics


def _save_model(run: Run, temperatures: Mapping[str, float], work: RunFolder) -> None:
    model = trained_model(run.network, temperatures=temperatures, scales=run.scales)
    if run.start and run.start.stands:
        put_back(model, run.spec, run.start)
    model.save(work.keras_model)
    for name, layer in run.network.heads.items():
        if layer.features:
            work.write_label_vectors(name, layer.features.arrays())


def run_facts(run: Run) -> dict[str, Any]:
    manifest = run.data.manifest
    versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
    return {
        "name": run.spec.name,
        "seed": run.spec.training.seed,
        "versions": versions,
        "data_made_from": manifest.made_from,
        "examples": run.data.examples,
        "weights": shapes(run.network),
        "prepared_at_cost": manifest.facts.get("cost"),
    }
