"""A run: everything that it has before its first step, made from a data folder and a spec."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads.classification.spec import Classification
from kinds.heads.regression.spec import Regression
from pipeline.spec import Spec
from trainer.course import Course, start_course
from trainer.data import (
    Batch,
    Columns,
    batch_signature,
    batches,
    collect,
    columns_of,
    handed_on,
    steps_per_epoch,
)
from trainer.data_folder import Data
from trainer.network import Network, Scale, build_network, shared_group
from trainer.network.heads import classes_of
from trainer.objective import HeadLoss, head_losses
from trainer.objective.sampling import Sampler, build_samplers
from trainer.optimizer import Optimizer, build_optimizer
from trainer.phases.schedule import frozen_blocks, phase_plans
from trainer.targets import describe_target
from trainer.workers import ALONE, Workers, check_batch_size

HELD_OUT = ("eval", "test")
# Priors, class weights and the baselines are counts over no more train rows than these, drawn by
# the seed: others would change them little, and be kept in memory.
ROWS_COUNTED = 1_000_000
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Run:
    """Everything that a run has before its first step."""

    data: Data
    spec: Spec
    columns: Columns
    network: Network
    losses: dict[str, HeadLoss]
    optimizer: Optimizer
    course: Course
    scales: dict[str, Scale]
    workers: Workers = ALONE
    samplers: dict[str, Sampler] = field(default_factory=dict)

    def state(self) -> dict[str, tf.Variable]:
        """What a checkpoint holds."""
        optimizer = {f"optimizer.{name}": v for name, v in self.optimizer.state().items()}
        return self.network.state() | optimizer | self.course.state()

    def batches(
        self, split: str, *, order: tuple[int, int] | None = None, skip: int = 0
    ) -> tf.data.Dataset:
        size = self.spec.training.batch_size
        files = self.data.files(split)
        return batches(files, self.columns, batch_size=size, order=order, skip=skip)

    def coming(self, epoch: int, skip: int) -> Iterator[Batch]:
        """This worker's rows of an epoch's train batches, without the first `skip`."""
        training = self.spec.training
        return handed_on(
            self.data.files("train"),
            self.columns,
            batch_size=training.batch_size,
            own=self.workers.share(training.batch_size),
            order=(training.seed, epoch),
            skip=skip,
        )

    def own_signature(self) -> Batch:
        """Of a batch of `coming`."""
        own = self.workers.share(self.spec.training.batch_size)
        return batch_signature(self.columns, len(own))

    def signature(self) -> Batch:
        return batch_signature(self.columns, self.spec.training.batch_size)

    def collect(self, split: str) -> Arrays:
        return collect(self.batches(split), self.data.rows(split))

    def held_out(self) -> list[str]:
        """The held-out splits that have rows."""
        return [split for split in HELD_OUT if self.data.rows(split) > 0]


def make_run(
    data: Data, spec: Spec, train_columns: Arrays, columns: Columns, workers: Workers = ALONE
) -> Run:
    """Builds the network and what it needs. `spec` may differ from the data's in all that prepare
    does not depend on. Raises Failure with exit code 2 where a head has no target in train, or a
    batch cannot be shared out among the workers."""
    check_batch_size(spec.training.batch_size, workers)
    classes = classes_of(spec, data.entries)
    readings, used = data.spec.readings(), spec.vocabulary_of()
    targets = {
        name: describe_target(
            name,
            head,
            train_columns,
            classes=classes[name],
            values=head_values(data, spec, name),
            reading=readings.get(used.get(name, "")) or "words",
        )
        for name, head in spec.heads.items()
    }
    bias = {name: target.bias for name, target in targets.items()}
    settings = spec.training
    network = build_network(spec, data.entries, bias, seed=settings.seed)
    resting = map(shared_group, frozen_blocks(phase_plans(spec)))
    variables = network.variables(without=resting)
    optimizer = build_optimizer(
        settings.optimizer,
        variables,
        clip_norm=settings.clip_norm,
        weight_decay=settings.weight_decay,
        averaging=settings.averaging,
    )
    course = start_course(network, optimizer)
    losses = head_losses(spec, targets)
    scales = target_scales(spec, data.statistics)
    samplers = samplers_of(spec, bias)
    return Run(data, spec, columns, network, losses, optimizer, course, scales, workers, samplers)


def samplers_of(spec: Spec, bias: Mapping[str, np.ndarray]) -> dict[str, Sampler]:
    """{head: its sampler} of the heads that begin with sampled classes; `bias`: {head: [classes]}
    where each output bias starts."""
    said = spec.training.sampled
    if said is None:
        return {}
    heads = {n: bias[n] for n, head in spec.heads.items() if isinstance(head, Classification)}
    return build_samplers(heads, negatives=said.negatives, seed=spec.training.seed)


def open_run(data: Data, spec: Spec, workers: Workers = ALONE) -> tuple[Run, Arrays]:
    """The run, and the train columns that it was made with (see ROWS_COUNTED)."""
    columns = columns_of(spec, data.entries)
    rows, size = data.rows("train"), spec.training.batch_size
    order = (spec.training.seed, 0) if rows > ROWS_COUNTED else None
    counted = min(rows, ROWS_COUNTED)
    read = batches(data.files("train"), columns, batch_size=size, order=order)
    train_columns = collect(read.take(steps_per_epoch(counted, size)), counted)
    return make_run(data, spec, train_columns, columns, workers), train_columns


def head_values(data: Data, spec: Spec, name: str) -> list[str]:
    heads = spec.label_heads()
    return data.vocabulary(heads[name].vocabulary) if name in heads else []


def target_scales(spec: Spec, statistics: Mapping[str, Any]) -> dict[str, Scale]:
    """The scale of each regression head that has one."""
    scales = {}
    for name, head in spec.heads.items():
        if isinstance(head, Regression) and head.scale != "none":
            said = statistics["numbers"][name]
            scales[name] = Scale(said["mean"], said["std"], head.scale == "log")
    return scales
