"""The train state: all that changes in training beside weights and optimizer, in variables."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import tensorflow as tf

from trainer.network import Network
from trainer.training.optimizer import Optimizer


class Judged(NamedTuple):
    """How good the weights are on held-out rows: the loss of the run, that of each head, and the
    metrics of each head; and the `selected` metric, if one decides which weights are best, with
    how far it falls short."""

    loss: float
    heads: dict[str, float]
    metrics: dict[str, dict[str, float]]
    selected: float | None = None
    shortfall: float | None = None


@dataclass(frozen=True)
class TrainState:
    """How far a run is.

    step: train steps done (the optimizer's own counter)
    begun: epochs before which the due phases have run
    finished: epochs that are done, evaluation included
    losses: [heads] sums of the mean losses of this epoch's steps so far
    weights, best: the weights and their values at the best epoch
    best_loss: its held-out loss, or how far the metric falls short that is selected by
    waited: epochs since then
    averages: (weight, its mean over the steps) where the means are what is evaluated and kept
    """

    step: tf.Variable
    weights: tuple[tf.Variable, ...]
    best: tuple[tf.Variable, ...]
    losses: tf.Variable
    averages: tuple[tuple[tf.Variable, tf.Variable], ...] = ()
    begun: tf.Variable = field(default_factory=lambda: tf.Variable(0, dtype=tf.int64))
    finished: tf.Variable = field(default_factory=lambda: tf.Variable(0, dtype=tf.int64))
    waited: tf.Variable = field(default_factory=lambda: tf.Variable(0, dtype=tf.int64))
    best_loss: tf.Variable = field(default_factory=lambda: tf.Variable(math.inf, dtype=tf.float64))

    def state(self) -> dict[str, tf.Variable]:
        names = ("begun", "finished", "waited", "best_loss", "losses")
        best = {f"best.{i}": v for i, v in enumerate(self.best)}
        return {name: getattr(self, name) for name in names} | best


def start_train_state(network: Network, optimizer: Optimizer) -> TrainState:
    weights = tuple(network.variables())
    best = tuple(tf.Variable(v, trainable=False) for v in weights)
    losses = tf.Variable(tf.zeros([len(network.heads)], tf.float64), trainable=False)
    averages = zip(optimizer.variables, optimizer.averages, strict=False)
    return TrainState(optimizer.step, weights, best, losses, tuple(averages))


def evaluate_and_keep_best(
    state: TrainState, evaluate: Callable[[], Judged] | None
) -> dict[str, Any]:
    if evaluate is None:
        return {}
    judged = evaluate()
    short = judged.loss if judged.shortfall is None else judged.shortfall
    better = short < float(state.best_loss)
    if better:
        state.best_loss.assign(short)
        for best, variable in zip(state.best, state.weights, strict=True):
            best.assign(variable)
    state.waited.assign(0 if better else state.waited + 1)
    selected = {} if judged.selected is None else {"selected": judged.selected}
    found = {"eval_loss": judged.loss, "eval": judged.heads, "eval_metrics": judged.metrics}
    return {**found, **selected, "best": better}


@contextmanager
def averages_in_place(averages: Sequence[tuple[tf.Variable, tf.Variable]]) -> Iterator[None]:
    """Puts the means where the weights are, and the weights back afterwards."""
    kept = [tf.identity(variable) for variable, _ in averages]
    for variable, average in averages:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(averages, kept, strict=True):
            variable.assign(value)
