"""The cost of a phase: 12 evaluations over 65,536 rows, compared with training passes over them.

    python -m benchmarks.phases_cost --data OUT/data [--rows 65536] [--rounds 3] [--results FOLDER]

A gradient of the block alone needs no gradients of the other weights and no optimizer, so that an
evaluation may cost two thirds of an ordinary pass, forward and backward, over as many rows. Both
are timed by turns in one process, for each method, and both whole: a pass reads and shuffles its
rows as an epoch does, at the spec's learning rate; the reading of a phase's rows, its hashes,
held-out losses and K-FAC's curvature are in it. A phase may end before its 12 evaluations; the
bound is that of those it took. Prints medians and, last, one JSON object with them, which also goes
to --results.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.failures import Exit, Failure, main
from pipeline.processor import processor
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from trainer.data import steps_per_epoch
from trainer.data_folder import read_data
from trainer.evaluation import make_held_out_loss
from trainer.phases.schedule import phase_plans
from trainer.run import Run, open_run
from trainer.training.due_phases import make_due_phases
from trainer.training.train_step import make_step

EVALUATIONS, GRADIENT_COST = 12, 2 / 3


METHODS = ("steps", "lbfgs", "kfac")


def with_phases(spec: Spec, method: str, rows: int) -> Spec:
    """The spec with a phase after every epoch in its one shared block."""
    said = json.loads(spec.to_json())
    phases = {"every": 1, "method": method, "between": "joint", "rows": rows}
    for block in said["shared"].values():
        block["phases"] = {**phases, "max_evals": EVALUATIONS}
    return parse_spec(json.dumps(said))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def training_pass(run: Run) -> Callable[[], None]:
    """An ordinary pass over as many rows as a phase has, other ones each time."""
    [plan] = phase_plans(run.spec)
    steps = steps_per_epoch(plan.rows or run.data.rows("train"), run.spec.training.batch_size)
    step = make_step(run.network, run.optimizer, run.losses, run.signature())
    rate = tf.constant(run.spec.training.learning_rate)
    numbers = itertools.count()

    def one_pass() -> None:
        order = (run.spec.training.seed, next(numbers))
        for batch in run.batches("train", order=order).take(steps):
            losses = step(batch, rate)
        float(next(iter(losses.values())))

    return one_pass


def measured(run: Run, rounds: int) -> dict[str, float]:
    """Medians in seconds, after one untimed pass and phase that trace what is traced."""
    train_pass, due_phases = training_pass(run), make_due_phases(run, make_held_out_loss(run))
    train_pass()
    due_phases(1)
    passes: list[float] = []
    phases: list[dict[str, Any]] = []
    for number in range(rounds):
        passes.append(seconds(train_pass))
        phases += due_phases(number + 1)["phases"]
        passes.append(seconds(train_pass))
    one_pass = statistics.median(passes)
    shares = [p["seconds"] / (p["evaluations"] * GRADIENT_COST * one_pass) for p in phases]
    return {
        "training_pass_seconds": round(one_pass, 3),
        "evaluations": statistics.median(phase["evaluations"] for phase in phases),
        "phase_seconds": round(statistics.median(phase["seconds"] for phase in phases), 3),
        "share_of_bound": round(statistics.median(shares), 3),
        "share_of_bound_range": round(max(shares) - min(shares), 3),
    }


def run(arguments: Sequence[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.phases_cost")
    parser.add_argument("--data", type=Path, required=True, help="prepared examples")
    parser.add_argument("--rows", type=int, default=65_536)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, help="folder for the figures")
    options = parser.parse_args(arguments)
    data = read_data(options.data)
    if data.rows("train") < options.rows or len(data.spec.shared) != 1:
        rule = f"--data must have one shared block and at least {options.rows} train rows"
        raise Failure(Exit.USAGE, rule, received=options.data)
    figures = {}
    for method in METHODS:
        made, _ = open_run(data, with_phases(data.spec, method, options.rows))
        figures[method] = measured(made, options.rounds)
    print("method   " + "  ".join(f"{name.replace('_', ' '):>21}" for name in figures["steps"]))
    for method, found in figures.items():
        print(f"{method:<9}" + "  ".join(f"{value:>21.3f}" for value in found.values()))
    line = json.dumps(
        {"benchmark": "phases_cost", "processor": processor(), "rows": options.rows, **figures}
    )
    if options.results:
        (options.results / "phases_cost.json").write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main(run)
