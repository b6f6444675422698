"""Training of a run: its steps, its phases and its evaluation, handed to the loop."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline.folders.run import RunFolder
from pipeline.spec import Training
from trainer.data import steps_per_epoch
from trainer.evaluation import HeldOutLoss, headlines, make_held_out_loss
from trainer.evaluation.gates import fit_gates
from trainer.network import shift_seeds
from trainer.reporting.history import History
from trainer.reporting.tables import Ended
from trainer.run import Run
from trainer.training import checkpoint
from trainer.training.due_phases import make_due_phases, run_single_phases
from trainer.training.loop import BeforeEpoch, LoopSettings, time_enough, train
from trainer.training.rate import learning_rate
from trainer.training.stopping import ended_at_once
from trainer.training.train_state import Judged
from trainer.training.train_step import Step, make_step, one_then_other


def steps_of_run(training: Training, rows: int) -> int:
    """Those of all epochs, or as many as `training.steps`.

    >>> steps_of_run(Training(epochs=3, batch_size=100), 250)
    9
    >>> steps_of_run(Training(epochs=3, batch_size=100, steps=7), 250)
    7
    """
    steps = training.epochs * steps_per_epoch(rows, training.batch_size)
    return steps if training.steps is None else min(steps, training.steps)


def sampled_steps(run: Run, total_steps: int) -> int:
    """How many steps of a run begin with sampled classes."""
    settings = run.spec.training.sampled
    return int(settings.share * total_steps) if settings and run.samplers else 0


def train_step(run: Run, sampled: int) -> Step:
    """The step of a run: the first `sampled` with sampled classes, then exact ones."""
    products = tf.as_dtype(run.spec.training.precision)
    losses = {name: replace(loss, products=products) for name, loss in run.losses.items()}
    parts = (run.network, run.optimizer, losses, run.own_signature(), run.workers)
    exact = partial(make_step, *parts, rows_that_learn=run.rows_that_learn)
    if not sampled:
        return exact()
    few = exact(run.samplers)
    return one_then_other(few, exact, change=sampled, done=run.optimizer.step)


def learns_gates(run: Run) -> bool:
    """Whether it has gates, and heads that they learn with."""
    return bool(run.network.memories) and not (run.start and run.start.keeps_heads)


def judge_of(run: Run, held_out_loss: HeldOutLoss) -> HeldOutLoss:
    """What an epoch is judged by: the loss, where there are gates with those that are fitted to the
    network as it is by then."""
    if not learns_gates(run):
        return held_out_loss

    def judged() -> Judged:
        fit_gates(run)
        return held_out_loss()

    return judged


def gates_then(run: Run, before_epoch: BeforeEpoch) -> BeforeEpoch:
    """Fits the gates before the first epoch, and before each where nobody judges the one before."""
    if not learns_gates(run):
        return before_epoch

    def gates_first(epoch: int) -> dict[str, Any]:
        if epoch == 0 or not run.rows("eval"):
            fit_gates(run)
        return before_epoch(epoch)

    return gates_first


def nothing() -> None:
    """What follows where nothing has to."""


def train_run(
    run: Run,
    work: Path,
    *,
    history: History | None = None,
    saved: Callable[[], None] = nothing,
    time_is_up: Callable[[], bool] = time_enough,
    quiet: bool = False,
) -> Ended:
    """Trains from the newest checkpoint in `work`, or from the start. The history (by default
    that in `work`) gets a line for each epoch, and one before it where phases open the epoch.
    `saved` is called after each checkpoint, `time_is_up` is asked after each step. What is `quiet`
    says nothing of its epochs. Of several workers only the chief reads and writes.
    """
    files = RunFolder(work)
    chosen = history or History(files.history_path, str(files.events))
    own_loss = make_held_out_loss(run) if run.rows("eval") else None
    if run.start and run.start.learn == "common":
        return only_phases(run, own_loss, chosen)
    if not run.rows("train"):
        return Ended(0, 0, 0, None, 0.0)
    settings = loop_settings(run, quiet=quiet)
    restored = run.workers.is_chief and checkpoint.restore(files.checkpoints, run.state())
    if restored and not quiet:
        print(f"goes on after step {int(run.train_state.step):,}", flush=True)
    run.workers.take_over(run.state())
    shift_seeds(run.network.seeds(), run.workers.place)

    def save() -> None:
        if run.workers.is_chief:
            checkpoint.save(files.checkpoints, run.state(), int(run.train_state.step))
            saved()

    return train(
        run.train_state,
        settings,
        heads=list(run.network.heads),
        make_step=lambda: train_step(run, settings.sampled),
        batches=run.train_batches,
        evaluate=own_loss and judge_of(run, own_loss),
        save=save,
        history=chosen if run.workers.is_chief else None,
        before_epoch=gates_then(run, make_due_phases(run, own_loss)),
        time_is_up=time_is_up,
    )


def loop_settings(run: Run, *, quiet: bool) -> LoopSettings:
    """What the loop needs to know of a run with training rows."""
    training, rows = run.spec.training, run.rows("train")
    # A network without inputs starts from how frequent the targets are, the best it can say: one
    # step, and the run is as any other.
    learns = run.spec.read() or run.spec.averaged()
    total_steps = steps_of_run(training, rows) if learns else 1
    return LoopSettings(
        epochs=steps_per_epoch(total_steps, steps_per_epoch(rows, training.batch_size)),
        rows=rows,
        batch_size=training.batch_size,
        rate=lambda step: learning_rate(
            step,
            base=training.learning_rate,
            schedule=training.schedule,
            warmup_steps=training.warmup_steps,
            total_steps=total_steps,
        ),
        patience=None if training.keep == "last" else training.patience,
        sampled=sampled_steps(run, total_steps),
        last_step=total_steps,
        quiet=quiet,
        shown=headlines(run),
        selected=" of ".join(reversed(run.spec.selected() or ())),
        keeps_last=training.keep == "last",
    )


def only_phases(run: Run, held_out_loss: HeldOutLoss | None, history: History) -> Ended:
    """A phase of each shared block and no epoch. After a kill it begins again."""
    if run.workers.is_chief:
        history.trim(finished=0, begun=0)
    with ended_at_once():
        facts = run_single_phases(run, held_out_loss)
    if run.workers.is_chief:
        history.append({"before_epoch": 1, "phases": facts})
    return Ended(0, 0, 0, None, 0.0)
