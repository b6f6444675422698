"""Several machines, or several devices of one, that train a run together.

Each takes its own rows of every batch and the gradients are averaged, so that the joint batch is
the batch of a single machine. Variables are plain ones: every machine has its own copy and makes
the same updates from the same averages; devices of one machine share a copy. The machines are those
of `TF_CONFIG`, as tf.distribute.MultiWorkerMirroredStrategy reads it. The first is the chief: it
alone writes checkpoints, history and model.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.failures import Exit, Failure
from trainer.data import Batch
from trainer.options import place_in
from trainer.training.optimizer import merged

# A batch to the gradient of each variable (None where there is none) and the heads' mean losses.
Gradients = Callable[[Batch], tuple[Sequence[Any], Mapping[str, tf.Tensor]]]
# Arrays to their sums.
Total = Callable[..., tuple[np.ndarray, ...]]

# What a collective operation ends with on the machines that are left.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Workers:
    """This process, number `place` of the `count` that train together. `strategy` is None for one
    process with one device."""

    strategy: tf.distribute.Strategy | None = None
    place: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        return self.place == 0

    @property
    def devices(self) -> int:
        """Of all processes together."""
        return int(self.strategy.num_replicas_in_sync) if self.strategy else 1

    @property
    def own_devices(self) -> int:
        """Of this process; the others have as many."""
        return self.devices // self.count

    def share(self, many: int) -> range:
        """This process's part of a number of batches, or of the rows of a batch.

        >>> [Workers(place=place, count=3).share(8) for place in range(3)]
        [range(0, 2), range(2, 5), range(5, 8)]
        """
        start, end = (many * at // self.count for at in (self.place, self.place + 1))
        return range(start, end)

    def averaged(self, gradients: Gradients) -> Gradients:
        """What every device finds in its own rows of this process's share of a batch, as the mean
        over the devices."""
        strategy = self.strategy
        if strategy is None:
            return gradients

        def of_own_rows(batch: Batch) -> Any:
            context = tf.distribute.get_replica_context()
            place = context.replica_id_in_sync_group % self.own_devices
            own = rows_of(batch, place, self.own_devices)
            found, means = gradients(own)
            dense = {i: merged(g) for i, g in enumerate(found) if g is not None}
            dense, means = context.all_reduce(tf.distribute.ReduceOp.MEAN, (dense, dict(means)))
            return [dense.get(i) for i in range(len(found))], means

        def of_batch(batch: Batch) -> Any:
            return _local(strategy, strategy.run(of_own_rows, args=(batch,)))

        return of_batch

    def total(self, *parts: Any) -> tuple[np.ndarray, ...]:
        """The sum of each array over the processes, with the same bits on all of them. The arrays
        of a call have one type."""
        arrays = [np.asarray(part) for part in parts]
        if self.count == 1:
            return tuple(arrays)
        return tuple(v.numpy() for v in self._sums([tf.convert_to_tensor(a) for a in arrays]))

    @cached_property
    def _sums(self) -> Callable[[list[tf.Tensor]], list[tf.Tensor]]:
        strategy: Any = self.strategy

        def of_devices(parts: list[tf.Tensor]) -> Any:
            context = tf.distribute.get_replica_context()
            placed = [tf.identity(part) for part in parts]  # an argument is on no device yet
            return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)

        @tf.function(autograph=False)
        def sums(parts: list[tf.Tensor]) -> list[tf.Tensor]:
            found = _local(strategy, strategy.run(of_devices, args=(parts,)))
            # Whole numbers must stay exact, and floats keep what is after the point.
            return [
                v // self.own_devices if v.dtype.is_integer else v / self.own_devices for v in found
            ]

        return sums

    def chiefs(self, *values: Any) -> tuple[np.ndarray, ...]:
        """What the chief holds, on every process: whole numbers, or floats bit for bit."""
        arrays = [np.asarray(value) for value in values]
        if self.count == 1:
            return tuple(arrays)
        wide = [_as_whole_numbers(array) * int(self.is_chief) for array in arrays]
        found = zip(self.total(*wide), arrays, strict=True)
        return tuple(_from_whole_numbers(whole, array.dtype) for whole, array in found)

    def take_over(self, state: Mapping[str, tf.Variable]) -> None:
        """Gives the variables the chief's values."""
        if self.count > 1:
            values = self.chiefs(*(v.numpy() for v in state.values()))
            for variable, value in zip(state.values(), values, strict=True):
                variable.assign(value)


ALONE = Workers()


def join_workers() -> Workers:
    """The workers that `TF_CONFIG` names, or the GPUs of this machine, or neither. To be called
    before TensorFlow does anything else."""
    config = os.environ.get("TF_CONFIG", "")
    place, count = place_in(config)
    if count > 1:
        return Workers(tf.distribute.MultiWorkerMirroredStrategy(), place, count)
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return Workers(tf.distribute.MirroredStrategy())
    return ALONE


def rows_of(batch: Batch, place: Any, devices: int) -> Batch:
    """The rows of one device of a process: its share of the batch in equal parts."""

    def part(values: tf.Tensor) -> tf.Tensor:
        rows = int(values.shape[0]) // devices
        own = values[place * rows : (place + 1) * rows]
        return tf.ensure_shape(own, [rows, *values.shape[1:]])

    return tf.nest.map_structure(part, batch)


def check_batch_size(batch_size: int, workers: Workers) -> None:
    """Raises Failure with exit code 2 where a batch cannot be shared out in equal parts."""
    if batch_size % workers.devices:
        rule = f"training.batch_size must be a multiple of the {workers.devices} devices"
        raise Failure(Exit.USAGE, rule, received=batch_size)


@contextmanager
def all_needed(workers: Workers) -> Iterator[None]:
    """Turns what a collective operation ends with where a worker is gone into a Failure with exit
    code 6."""
    try:
        yield
    except _LOST as error:
        if workers.count == 1:
            raise
        rule = (
            f"all {workers.count} workers must stay until the end, and one does not answer. Start "
            "all of them again: training goes on from the chief's last checkpoint"
        )
        reason = " ".join(str(error.message).split())
        raise Failure(Exit.ENVIRONMENT, rule, received=f"{reason:.300}") from None


def _as_whole_numbers(array: np.ndarray) -> np.ndarray:
    wide = array.astype(np.float64 if array.dtype.kind == "f" else np.int64)
    return wide.view(np.int64)


def _from_whole_numbers(array: np.ndarray, kind: np.dtype[Any]) -> np.ndarray:
    return array.view(np.float64 if kind.kind == "f" else np.int64).astype(kind)


def _local(strategy: tf.distribute.Strategy, found: Any) -> Any:
    """What the first device of this process found."""
    return tf.nest.map_structure(lambda v: strategy.experimental_local_results(v)[0], found)
