"""The train step: one update of all weights that learn between phases, traced once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import count
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from kinds.heads.any.network import Negatives, Sampler
from kinds.row_sums import has_gpu
from trainer.data import Batch
from trainer.network import Network
from trainer.objective import HeadLoss, combined, expected_means, head_sums
from trainer.training.optimizer import Optimizer, apply
from trainer.workers import ALONE, Workers

Step = Callable[[Batch, tf.Tensor], dict[str, tf.Tensor]]


def make_step(
    network: Network,
    optimizer: Optimizer,
    losses: Mapping[str, HeadLoss],
    signature: Batch,
    workers: Workers = ALONE,
    samplers: Mapping[str, Sampler] = MappingProxyType({}),
    rows_that_learn: Mapping[int, tf.Tensor] = MappingProxyType({}),
) -> Step:
    """One step over the optimizer's variables, traced here: (batch, learning rate) to the
    heads' mean losses before the update. The heads in `samplers` learn from sampled classes, and of
    what they own only the rows of these are updated; of variables with `rows_that_learn`, by id(),
    only those that are true."""
    variables = list(optimizer.variables)
    by_rows = [v for name in samplers for v in network.heads[name].rows_by_class()]
    by_rows += [v for v in variables if id(v) in rows_that_learn]
    # One program for all of a step, where there is a GPU to be kept busy and no one to wait for.
    compiled = workers is ALONE and has_gpu()

    def gradients(
        batch: Batch, drawn: Mapping[str, Negatives]
    ) -> tuple[Sequence[Any], Mapping[str, tf.Tensor]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            sums = head_sums(network, losses, batch, training=True, drawn=drawn)
            means = expected_means(sums, losses, int(batch.weights.shape[0]))
            total = combined(network, losses, means)
        found = tape.gradient(total, variables)
        own = [rows_that_learn.get(id(v)) for v in variables]
        return [of_rows(g, rows) for g, rows in zip(found, own, strict=True)], means

    def update(
        batch: Batch, rate: tf.Tensor, drawn: Mapping[str, Negatives]
    ) -> dict[str, tf.Tensor]:
        found, means = workers.averaged(partial(gradients, drawn=drawn))(batch)
        apply(optimizer, found, rate, by_rows)
        return dict(means)

    if compiled and samplers:
        # Without the draws: XLA's would be others for the same seed.
        update = tf.function(update, autograph=False, jit_compile=True)

    @tf.function(
        input_signature=[signature, tf.TensorSpec([], tf.float32)],
        autograph=False,
        jit_compile=compiled and not samplers,
    )
    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        drawn = {name: sampler.draw(optimizer.step) for name, sampler in samplers.items()}
        return update(batch, rate, drawn)

    step.get_concrete_function()
    return step


def of_rows(
    gradient: tf.Tensor | tf.IndexedSlices | None, rows: tf.Tensor | None
) -> tf.Tensor | tf.IndexedSlices | None:
    """The gradient of the rows that are true, 0 in the others; all of it where none are given."""
    if gradient is None or rows is None:
        return gradient
    if isinstance(gradient, tf.IndexedSlices):
        there = tf.gather(rows, gradient.indices)
        own = tf.where(_down(there, gradient.values), gradient.values, 0.0)
        return tf.IndexedSlices(own, gradient.indices, gradient.dense_shape)
    return tf.where(_down(rows, gradient), gradient, 0.0)


def _down(rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """[rows] so that it goes with values [rows, ...]."""
    return tf.reshape(rows, [-1] + [1] * (len(values.shape) - 1))


def one_then_other(
    one: Step, make_other: Callable[[], Step], *, change: int, done: tf.Variable
) -> Step:
    """`one` while fewer than `change` steps are `done`, then the other, made when its turn comes.
    `done` is read before the first step and counted from there: each reading would wait for a
    GPU."""
    steps: Iterator[int] | None = None
    other = cache(make_other)

    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        nonlocal steps
        steps = steps or count(int(done))
        return (one if next(steps) < change else other())(batch, rate)

    return step
