"""The training loop: epochs of steps, and whatever wants to run before each of them.

All that changes while it runs lives in variables (`TrainState.state`), so that a run that is killed
goes on where its last checkpoint was. The loop knows nothing of spec, files or Keras: it is given
functions.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from trainer.data import Batch, steps_per_epoch
from trainer.reporting.history import History
from trainer.reporting.pace import Paces, timed
from trainer.reporting.tables import Ended, epoch_line
from trainer.training.stopping import ended, ended_at_once, stop_signal
from trainer.training.train_state import (
    Judged,
    TrainState,
    averages_in_place,
    evaluate_and_keep_best,
)
from trainer.training.train_step import Step

SECONDS_BETWEEN_CHECKPOINTS = 120.0
LOSSES_AT_ONCE = 16
# Runs before an epoch (0-based) and gives what the history should say about it.
BeforeEpoch = Callable[[int], dict[str, Any]]


def _nobody(line: Mapping[str, Any]) -> None:
    """For a worker that keeps no history."""


def nothing_before(epoch: int) -> dict[str, Any]:
    return {}


def time_enough() -> bool:
    """For a run that may take as long as it takes."""
    return False


class Left(NamedTuple):
    """What follows an epoch: other epochs, and the seconds between two of them so far."""

    epochs: int
    between: float


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast: `rows` of an epoch, `rate` as a function of the steps done, `patience`
    in epochs, `sampled` as the steps at the start of the run that sample classes, `last_step` as
    those of the whole run if the last epoch is cut short. What is `quiet` prints no line for each
    epoch, others print the `shown` metrics of each head. `selected` is what the metric is called
    that epochs are judged by, if it is not the loss; `keeps_last` keeps the last weights."""

    epochs: int
    rows: int
    batch_size: int
    rate: Callable[[int], float]
    patience: int | None
    sampled: int = 0
    last_step: int | None = None
    quiet: bool = False
    shown: Mapping[str, Sequence[str]] = field(default_factory=dict)
    selected: str = ""
    keeps_last: bool = False

    @property
    def steps(self) -> int:
        return steps_per_epoch(self.rows, self.batch_size)

    def steps_of(self, epoch: int) -> int:
        """The last epoch may be cut short."""
        if self.last_step is None:
            return self.steps
        return min(self.steps, self.last_step - epoch * self.steps)

    def kind(self, step: int) -> str:
        """What the step that follows `step` earlier ones sums over."""
        return "sampled" if step < self.sampled else "exact"

    def rows_at(self, place: int) -> int:
        """The rows of an epoch's batch number `place`: the last batch may be short."""
        return min(self.batch_size, self.rows - place * self.batch_size)

    def mean(self, sums: np.ndarray, steps: int) -> np.ndarray:
        """Sums of the means of full batches to means over the rows: the last batch may be short."""
        return sums * self.batch_size / min(self.rows, max(1, steps) * self.batch_size)


def train(
    state: TrainState,
    settings: LoopSettings,
    *,
    heads: Sequence[str],
    make_step: Callable[[], Step],
    batches: Callable[[int, int], Iterable[Batch]],
    evaluate: Callable[[], Judged] | None,
    save: Callable[[], None],
    history: History | None,
    before_epoch: BeforeEpoch = nothing_before,
    time_is_up: Callable[[], bool] = time_enough,
) -> Ended:
    """Runs the epochs that are left, puts the best weights back at the end, and says why it ended.

    make_step: gives the step, and takes its time while the first rows are read
    history: what is told of it, but not by every worker
    batches: (epoch, how many to skip) to the rest of that epoch's batches
    evaluate: judges by held-out rows; None keeps the last weights
    time_is_up: asked after each step; the run ends with the step, judged as it is
    Raises Failure at the first loss that is not finite. On SIGTERM it saves and exits with 143.
    """
    tell = history.append if history else _nobody
    if history:
        history.trim(finished=int(state.finished), begun=int(state.begun))
    with stop_signal() as stopped:
        coming: Iterator[Batch] | None = None
        step: Step | None = None
        between = 0.0
        while not (is_over(state, settings) or (int(state.finished) and time_is_up())):
            epoch = int(state.finished)
            done = int(state.step) - epoch * settings.steps
            coming = coming or iter(batches(epoch, done))
            step = step or make_step()
            with ended_at_once():
                begin_epoch(state, epoch, before_epoch, save, tell)
            paces = Paces()
            left = Left(settings.epochs - epoch - 1, between)
            facts = run_epoch(
                state, settings, epoch, heads, step, coming, save, stopped, paces, left, time_is_up
            )
            since = time.monotonic()
            with paces.waiting(settings.kind(int(state.step) - 1)):
                # The next epoch's rows are read and shuffled while the held-out ones are evaluated.
                coming = iter(batches(epoch + 1, 0)) if epoch + 1 < settings.epochs else None
            facts["pace"] = paces.facts()
            with averages_in_place(state.averages):
                facts |= evaluate_and_keep_best(state, evaluate)
            tell({"epoch": epoch + 1, **facts})
            state.finished.assign_add(1)
            state.losses.assign(tf.zeros_like(state.losses))
            save()
            between = time.monotonic() - since
            if history and not settings.quiet:
                print(epoch_line(epoch + 1, settings, facts), file=sys.stderr, flush=True)
            if stopped():
                ended(f"after step {int(state.step):,}")
    is_judged = evaluate is not None and not settings.keeps_last
    return put_best_back(state, settings, judged=is_judged)


def put_best_back(state: TrainState, settings: LoopSettings, *, judged: bool) -> Ended:
    """The averages and, where epochs were `judged`, the best weights become the weights."""
    for variable, average in state.averages:
        variable.assign(average)
    if judged:
        for variable, best in zip(state.weights, state.best, strict=True):
            variable.assign(best)
    finished, waited = int(state.finished), int(state.waited)
    kept = finished - waited if judged else None
    time_was_up = not is_over(state, settings)
    best, how = float(state.best_loss), (settings.selected, settings.keeps_last)
    return Ended(finished, settings.epochs, waited, kept, best, time_was_up, *how)


def is_over(state: TrainState, settings: LoopSettings) -> bool:
    waited_enough = settings.patience is not None and int(state.waited) >= settings.patience
    return int(state.finished) >= settings.epochs or waited_enough


def begin_epoch(
    state: TrainState,
    epoch: int,
    before_epoch: BeforeEpoch,
    save: Callable[[], None],
    tell: Callable[[Mapping[str, Any]], None],
) -> None:
    """Runs what comes before an epoch, once: a run killed within it does it again from before, a
    run killed after it does not."""
    if int(state.begun) > epoch:
        return
    facts = before_epoch(epoch)
    state.begun.assign(epoch + 1)
    if facts:
        tell({"before_epoch": epoch + 1, **facts})
        save()


def run_epoch(
    state: TrainState,
    settings: LoopSettings,
    epoch: int,
    heads: Sequence[str],
    step: Step,
    batches: Iterator[Batch],
    save: Callable[[], None],
    stopped: Callable[[], bool],
    paces: Paces,
    left: Left,
    time_is_up: Callable[[], bool],
) -> dict[str, Any]:
    """The steps of an epoch that are left, over the rest of its batches; gives their
    losses and speed. `paces` takes in their time."""
    done = int(state.step) - epoch * settings.steps
    steps = settings.steps_of(epoch)
    losses = Losses(heads, epoch, done, state.losses.numpy())
    started = saved = time.monotonic()
    rate, before = 0.0, epoch * settings.steps
    progress = Progress(
        f"epoch {epoch + 1} of {settings.epochs}",
        total=steps,
        unit="steps",
        before=done,
        later=left.epochs * settings.steps,
        more=(left.epochs + 1) * left.between,
        brief=settings.quiet,
    )

    def end(seconds: float) -> None:
        paces.waited(settings.kind(int(state.step) - 1), seconds)

    if steps < settings.steps:
        batches = islice(batches, steps - done)
    for place, batch, waited in timed(batches, start=done, end=end):
        rate = settings.rate(before + place)
        losses.add(step(batch, tf.constant(rate, tf.float32)), before + place)
        paces.add(settings.kind(before + place), settings.rows_at(place), waited)
        progress.at(place + 1, losses.note(settings))
        if stopped() or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            state.losses.assign(losses.read())
            save()
            saved = time.monotonic()
            if stopped():
                ended(f"after step {int(state.step):,}")
        if time_is_up():
            break
    means = settings.mean(losses.read(), losses.steps)
    progress.end(losses.steps, losses.note(settings))
    seconds = time.monotonic() - started
    rows = min(settings.rows, losses.steps * settings.batch_size) - done * settings.batch_size
    return {
        "steps": int(state.step),
        "learning_rate": rate,
        "seconds": round(seconds, 3),
        "examples_per_second": round(max(0, rows) / seconds, 1),
        "train": {name: float(s) for name, s in zip(heads, means, strict=True)},
    }


class Losses:
    """The mean losses of an epoch's steps, added up. Those of a few steps are read at once, since
    each reading waits until a GPU has nothing left to do.

    sums: [heads] float64, of the first `steps` steps
    """

    def __init__(self, heads: Sequence[str], epoch: int, steps: int, sums: np.ndarray) -> None:
        self._heads, self._epoch, self.steps, self.sums = heads, epoch, steps, sums
        self._unread: list[tuple[int, Mapping[str, tf.Tensor]]] = []

    def add(self, means: Mapping[str, tf.Tensor], step: int) -> None:
        """Of the step that has `step` others before it."""
        self._unread.append((step, means))
        if len(self._unread) == LOSSES_AT_ONCE:
            self.read()

    def read(self) -> np.ndarray:
        """The sums of all that was added. Raises Failure at a loss that is not finite."""
        for step, means in self._unread:
            self.sums = self.sums + finite(means, self._heads, self._epoch, step)
        self.steps += len(self._unread)
        self._unread = []
        return self.sums

    def note(self, settings: LoopSettings) -> str:
        """The means over what was read."""
        means = zip(self._heads, settings.mean(self.sums, self.steps), strict=True)
        return "loss " + " ".join(f"{n} {v:.4g}" for n, v in means) if self.steps else ""


def finite(
    means: Mapping[str, tf.Tensor], heads: Sequence[str], epoch: int, step: int
) -> np.ndarray:
    """The losses [heads] as float64, or a Failure that names the head and the step."""
    losses = np.array([float(means[name]) for name in heads])
    for name, loss in zip(heads, losses, strict=True):
        if not np.isfinite(loss):
            rule = (
                f"the loss of heads.{name} must be finite; it was not in step {step + 1} "
                f"(epoch {epoch + 1}). A lower learning_rate or a clip_norm may help"
            )
            raise Failure(Exit.FAULT, rule, received=loss)
    return losses
