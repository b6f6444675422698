"""A run: everything that it has before its first step, made from a data folder and a spec."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from kinds.heads.any.metrics import Scale, TrainTargets
from kinds.heads.any.network import Sampler
from kinds.heads.network import KINDS
from kinds.memory.averages.network import look_up
from kinds.names import WEIGHT
from kinds.parsing import Arrays
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.spec import Spec
from pipeline.spec.limits import check_size
from trainer.data import (
    ROWS_TO_SHUFFLE,
    Batch,
    ExampleFeatures,
    RowsInMemory,
    batch_signature,
    batches,
    collect,
    example_features,
    place_name,
    step_batches,
    steps_per_epoch,
)
from trainer.network import Network, build_network
from trainer.network.memories import build_memories
from trainer.network.output_layers import outputs_of
from trainer.network.starts import start_tables
from trainer.objective import HeadLoss, head_losses, prior_of
from trainer.starting import Start
from trainer.starting.learned import learned
from trainer.training.optimizer import Optimizer, build_optimizer
from trainer.training.train_state import TrainState, start_train_state
from trainer.workers import ALONE, Workers, check_batch_size

HELD_OUT = ("eval", "test")
# Priors, class weights and the baselines are counts over no more train rows than these, drawn by
# the seed: others would change them little, and be kept in memory.
ROWS_COUNTED = 1_000_000

Found = TypeVar("Found")


@dataclass(frozen=True)
class Run:
    """Everything that a run has before its first step.

    start: whose weights it starts from
    rows_that_learn: of variables, by id(), of which only some rows learn, bool [rows]
    chosen: how many rows of a side are read, where it is not all of them
    """

    data: DataFolder
    spec: Spec
    features: ExampleFeatures
    network: Network
    losses: dict[str, HeadLoss]
    optimizer: Optimizer
    train_state: TrainState
    scales: dict[str, Scale]
    workers: Workers = ALONE
    samplers: dict[str, Sampler] = field(default_factory=dict)
    start: Start | None = None
    rows_that_learn: Mapping[int, tf.Tensor] = field(default_factory=dict)
    chosen: Mapping[str, int] = field(default_factory=dict)

    def state(self) -> dict[str, tf.Variable]:
        """What a checkpoint holds."""
        optimizer = {f"optimizer.{name}": v for name, v in self.optimizer.state().items()}
        return self.network.state() | optimizer | self.train_state.state()

    def traced(self, what: str, of_batch: Callable[[Batch], Found]) -> Callable[[Batch], Found]:
        """A function of batches, traced when it is first asked for: that takes as long as many
        passes over a small table."""
        if what not in self._traced:
            signature = [self.signature()]
            self._traced[what] = tf.function(of_batch, input_signature=signature, autograph=False)
        return self._traced[what]

    @cached_property
    def _traced(self) -> dict[str, Callable[[Batch], Any]]:
        return {}

    def rows(self, split: str) -> int:
        """How many rows of a split are read."""
        return self.chosen.get(split, self.data.rows(split))

    def batches(
        self, split: str, *, order: tuple[int, int] | None = None, skip: int = 0
    ) -> tf.data.Dataset:
        if order is not None or skip:
            return self._batches(split, order, skip)
        if split not in self._in_file_order:
            self._in_file_order[split] = self._batches(split, None, 0)
        return self._in_file_order[split]

    def _batches(self, split: str, order: tuple[int, int] | None, skip: int) -> tf.data.Dataset:
        size = self.spec.training.batch_size
        features = replace(self.features, counted=split == "train")
        return batches(self.data.files(split), features, batch_size=size, order=order, skip=skip)

    @cached_property
    def _in_file_order(self) -> dict[str, tf.data.Dataset]:
        """The batches of a split that were asked for: to describe how they are read takes a quarter
        of a second, and a run reads its held-out rows dozens of times."""
        return {}

    def train_batches(self, epoch: int, skip: int) -> Iterator[Batch]:
        """This worker's rows of an epoch's train batches, without the first `skip`."""
        training = self.spec.training
        if self.rows("train") <= ROWS_TO_SHUFFLE:
            return self._train_rows.batches((training.seed, epoch), skip)
        return step_batches(
            self.data.files("train"),
            replace(self.features, counted=True),
            batch_size=training.batch_size,
            own=self.workers.share(training.batch_size),
            order=(training.seed, epoch),
            skip=skip,
        )

    @cached_property
    def _train_rows(self) -> RowsInMemory:
        size = self.spec.training.batch_size
        files, own = self.data.files("train"), self.workers.share(size)
        return RowsInMemory(files, replace(self.features, counted=True), batch_size=size, own=own)

    def own_signature(self) -> Batch:
        """Of a batch of `train_batches`."""
        own = self.workers.share(self.spec.training.batch_size)
        return batch_signature(self.features, len(own))

    def signature(self) -> Batch:
        return batch_signature(self.features, self.spec.training.batch_size)

    def collect(self, split: str) -> Arrays:
        return collect(self.batches(split), self.features, self.data.rows(split))

    def held_out(self) -> list[str]:
        """The held-out splits that have rows."""
        return [split for split in HELD_OUT if self.data.rows(split) > 0]


def make_run(
    data: DataFolder,
    spec: Spec,
    train_columns: Arrays,
    features: ExampleFeatures,
    workers: Workers = ALONE,
    start: Start | None = None,
) -> Run:
    """Builds the network and what it needs. `spec` may differ from the data's in all that prepare
    does not depend on. Raises Failure with exit code 2 where a head has no target in train, or a
    batch cannot be shared out among the workers."""
    check_batch_size(spec.training.batch_size, workers)
    _check_size(spec, data.entries)
    outputs = outputs_of(spec, data.entries)
    values = {n: list(data.vocabulary(labels.vocabulary)) for n, labels in spec.labels().items()}
    readings = {n: data.spec.readings()[one.vocabulary] for n, one in spec.labels().items()}
    priors = {}
    for name, head in spec.heads.items():
        own = (outputs[name], values.get(name, ()), head.in_file(), readings.get(name) or "words")
        columns = trained_columns(name, features, train_columns)
        prior = prior_of(head, TrainTargets(name, columns, *own))
        of_row = len(columns[name]) / max(1, len(train_columns[name]))
        priors[name] = replace(prior, share=prior.share * of_row)
    bias = {name: prior.bias for name, prior in priors.items()}
    settings = spec.training
    memories = build_memories(spec, data, bias)
    labels = {name: data.label_features(own) for name, own in spec.featured().items()}
    network = build_network(
        spec, data.entries, bias, seed=settings.seed, memories=memories, features=labels
    )
    start_tables(network, spec, data)
    learns = learned(network, spec, start)
    optimizer = build_optimizer(
        settings.optimizer,
        learns.variables,
        clip_norm=settings.clip_norm,
        weight_decay=settings.weight_decay,
        averaging=settings.averaging,
    )
    return Run(
        data,
        spec,
        features,
        network,
        head_losses(spec, priors),
        optimizer,
        start_train_state(network, optimizer),
        target_scales(spec, data.statistics.numbers),
        workers,
        samplers_of(spec, learned_biases(network, bias)),
        start,
        learns.rows,
    )


def trained_columns(name: str, features: ExampleFeatures, columns: Arrays) -> Arrays:
    """The columns of the targets that a head is trained on: of one that predicts the next element
    of a list there is a row for each that it has, with what stood before it."""
    if name not in features.places:
        return columns
    targets = columns[place_name(name)]
    rows, places = np.nonzero(targets >= 0)
    found = {one: values[rows] for one, values in columns.items() if one in features.ids()}
    for along in features.places:
        found[along] = columns[place_name(along)][rows, places]
    return found | {WEIGHT: columns[WEIGHT][rows]}


def _check_size(spec: Spec, entries: Mapping[str, int]) -> None:
    """Now that the vocabularies are known: export would refuse it when all training is done."""
    try:
        check_size(spec, entries)
    except ValueError as error:
        raise Failure(Exit.USAGE, str(error)) from None


def learned_biases(network: Network, bias: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{head: where the biases start of the outputs that are learned from}"""
    layers = network.heads.items()
    return {n: bias[n][one.features.learned] if one.features else bias[n] for n, one in layers}


def samplers_of(spec: Spec, bias: Mapping[str, np.ndarray]) -> dict[str, Sampler]:
    """{head: its sampler} of the heads that begin with sampled classes; `bias`: {head: [outputs]}
    where each output bias starts."""
    sampled = spec.training.sampled
    if sampled is None:
        return {}
    found = {
        name: KINDS[head.kind].sampler(head, bias[name], sampled.negatives, spec.training.seed)
        for name, head in spec.heads.items()
    }
    return {name: sampler for name, sampler in found.items() if sampler}


def open_run(data: DataFolder, spec: Spec, workers: Workers = ALONE) -> tuple[Run, Arrays]:
    """The run, and the train columns that it was made with (see ROWS_COUNTED)."""
    train_columns = count_train_rows(data, spec)
    features = run_features(data, spec)
    return make_run(data, spec, train_columns, features, workers), train_columns


def run_features(data: DataFolder, spec: Spec) -> ExampleFeatures:
    """What the examples hold, and what the spec's memories make of it."""
    averages = {name: look_up(memory) for name, memory in data.averages(spec).items()}
    return replace(example_features(spec, data.entries), averages=averages)


def count_train_rows(data: DataFolder, spec: Spec) -> Arrays:
    """The train columns that priors, class weights and baselines are counted from: the same
    whatever the batch size is."""
    features = example_features(spec, data.entries)
    rows, size = data.rows("train"), spec.training.batch_size
    most = ROWS_COUNTED // max(1, spec.places)
    order = (spec.training.seed, 0) if rows > most else None
    counted = min(rows, most)
    read = batches(data.files("train"), features, batch_size=size, order=order)
    return collect(read.take(steps_per_epoch(counted, size)), features, counted)


def target_scales(spec: Spec, numbers: Mapping[str, Any]) -> dict[str, Scale]:
    """How each head's targets were scaled."""
    return {name: KINDS[head.kind].scale(name, head, numbers) for name, head in spec.heads.items()}
