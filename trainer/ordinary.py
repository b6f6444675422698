"""The ordinary step: one update of all weights that learn between phases, traced once."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from trainer.data import Batch
from trainer.network import Network
from trainer.objective import HeadLoss, combined, expected_means, head_sums
from trainer.optimizer import Optimizer, apply
from trainer.sampling import Sampler
from trainer.workers import ALONE, Workers

Step = Callable[[Batch, tf.Tensor], dict[str, tf.Tensor]]


def make_step(
    network: Network,
    optimizer: Optimizer,
    losses: Mapping[str, HeadLoss],
    signature: Batch,
    workers: Workers = ALONE,
    samplers: Mapping[str, Sampler] = MappingProxyType({}),
) -> Step:
    """One ordinary step over the optimizer's variables, traced here: (batch, learning rate) to the
    heads' mean losses before the update. The heads in `samplers` learn from sampled classes, and of
    what they own only the rows of these are updated."""
    variables = list(optimizer.variables)
    by_rows = [v for name in samplers for v in network.heads[name].rows_by_class()]
    # One program for all of a step, where there is a GPU to be kept busy and no one to wait for.
    compiled = workers is ALONE and bool(tf.config.list_physical_devices("GPU")) and not samplers

    def gradients(batch: Batch) -> tuple[Sequence[Any], Mapping[str, tf.Tensor]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            drawn = {name: sampler.draw(optimizer.step) for name, sampler in samplers.items()}
            sums = head_sums(network, losses, batch, training=True, drawn=drawn)
            means = expected_means(sums, losses, int(batch.weights.shape[0]))
            total = combined(network, losses, means)
        return tape.gradient(total, variables), means

    averaged = workers.averaged(gradients)

    rate_signature = tf.TensorSpec([], tf.float32)

    @tf.function(input_signature=[signature, rate_signature], autograph=False, jit_compile=compiled)
    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        found, means = averaged(batch)
        apply(optimizer, found, rate, by_rows)
        return dict(means)

    step.get_concrete_function()
    return step


def one_then_other(one: Step, other: Step, *, change: int, done: tf.Variable) -> Step:
    """`one` while fewer than `change` steps are `done`, then `other`."""

    def step(batch: Batch, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        return (one if int(done) < change else other)(batch, rate)

    return step
