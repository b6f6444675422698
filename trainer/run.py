"""A run: the parts made from a data folder and a spec, and what is done with them in order."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from pipeline.spec import Classification, Regression, Spec
from trainer import checkpoint
from trainer.baselines import label_baselines, label_set_baselines, value_baselines
from trainer.calibration import fit_temperature, make_sums
from trainer.data import (
    Batch,
    Columns,
    Data,
    batch_signature,
    batches,
    collect,
    columns_of,
    steps_per_epoch,
)
from trainer.heads import classes_of
from trainer.history import History
from trainer.loop import (
    Course,
    Opening,
    Plan,
    Step,
    make_step,
    one_then_other,
    start_course,
    train,
)
from trainer.metrics import Metrics, gather_results, mean_loss, network_results, summarise
from trainer.network import Network, Scale, build_network, shared_group, shift_seeds
from trainer.objective import HeadLoss, head_losses
from trainer.optimizer import Optimizer, build_optimizer, learning_rate
from trainer.phases import PhaseRows, make_block, run_phase
from trainer.report import phase_line
from trainer.sampling import Sampler, build_samplers
from trainer.schedule import PhasePlan, frozen_blocks, phase_plans
from trainer.targets import describe_target
from trainer.workers import ALONE, Workers, check_batch_size

# Between epochs no more rows than these are judged; the final metrics are over all.
ROWS_BETWEEN_EPOCHS = 65_536
HELD_OUT = ("eval", "test")
# K-FAC's curvature is a mean over many rows; every so many batches give it well enough.
CURVATURE_EVERY = 4

Arrays = dict[str, np.ndarray]
ResultsStep = Callable[[Batch], dict[str, dict[str, tf.Tensor]]]


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
    targets = {
        name: describe_target(
            name, head, train_columns, classes=classes[name], values=head_values(data, spec, name)
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
    """The run, and the train columns that it was made with."""
    columns = columns_of(spec, data.entries)
    rows = batches(data.files("train"), columns, batch_size=spec.training.batch_size)
    train_columns = collect(rows, data.rows("train"))
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


def ordinary_step(run: Run, total_steps: int) -> Step:
    """The step of a run: with sampled classes at first where the spec says so, then exact."""
    settings = run.spec.training
    products = tf.as_dtype(settings.precision)
    losses = {name: replace(loss, products=products) for name, loss in run.losses.items()}
    parts = (run.network, run.optimizer, losses, run.signature(), run.workers)
    exact = make_step(*parts)
    if settings.sampled is None or not run.samplers:
        return exact
    change = int(settings.sampled.share * total_steps)
    sampled = make_step(*parts, run.samplers)
    return one_then_other(sampled, exact, change=change, done=run.optimizer.step)


def nothing() -> None:
    """What follows where nothing has to."""


def train_run(
    run: Run,
    work: Path,
    *,
    history: History | None = None,
    saved: Callable[[], None] = nothing,
) -> None:
    """Trains from the newest checkpoint in `work`, or from the start. The history (by default
    `work/history.jsonl`) gets a line for each epoch, and one before it where phases open the epoch.
    `saved` is called after each checkpoint. Of several workers only the chief reads and writes.
    """
    settings = run.spec.training
    rows = run.data.rows("train")
    total_steps = settings.epochs * steps_per_epoch(rows, settings.batch_size)
    plan = Plan(
        epochs=settings.epochs,
        rows=rows,
        batch_size=settings.batch_size,
        rate=lambda step: learning_rate(
            step,
            base=settings.learning_rate,
            schedule=settings.schedule,
            warmup_steps=settings.warmup_steps,
            total_steps=total_steps,
        ),
        patience=settings.patience,
    )
    folder = work / "checkpoints"
    chosen = history or History(work / "history.jsonl", str(work / "tensorboard"))
    if run.workers.is_chief and checkpoint.restore(folder, run.state()):
        print(f"goes on after step {int(run.course.step):,}", flush=True)
    run.workers.take_over(run.state())
    shift_seeds(run.network.seeds(), run.workers.place)

    def save() -> None:
        if run.workers.is_chief:
            checkpoint.save(folder, run.state(), int(run.course.step))
            saved()

    train(
        run.course,
        plan,
        heads=list(run.network.heads),
        step=ordinary_step(run, total_steps),
        batches=lambda epoch, skip: run.batches("train", order=(settings.seed, epoch), skip=skip),
        evaluate=make_judgement(run) if run.data.rows("eval") else None,
        save=save,
        history=chosen if run.workers.is_chief else None,
        opening=make_opening(run),
    )


def make_opening(run: Run) -> Opening:
    """The phases that are due before an epoch."""
    parts = (run.network, run.losses, run.optimizer, run.signature(), run.state())
    blocks = [make_block(plan, *parts, run.workers.total) for plan in phase_plans(run.spec)]
    judge = make_judgement(run) if run.data.rows("eval") else None

    def held_out_loss() -> float:
        return judge()[0] if judge else 0.0

    def opening(epoch: int) -> dict[str, Any]:
        due = [block for block in blocks if block.plan.is_due(epoch)]
        facts = []
        for block in due:
            asked = held_out_loss if block.plan.holdout and judge else None
            rows = phase_rows(run, block.plan, epoch)
            facts.append(run_phase(block, rows, epochs_done=epoch, judge=asked))
            print(phase_line(facts[-1]), file=sys.stderr, flush=True)
        return {"phases": facts} if facts else {}

    return opening


def phase_rows(run: Run, plan: PhasePlan, epochs_done: int) -> PhaseRows:
    """The train rows of a phase: other ones each time, the same ones in a run that is resumed.

    A part of the rows is kept in memory; all of them are read again for each evaluation. Several
    workers share the batches out.
    """
    size, rows = run.spec.training.batch_size, run.data.rows("train")
    order = None
    if plan.rows is not None:
        rows = min(rows, steps_per_epoch(plan.rows, size) * size)
        order = (plan.seed, epochs_done)
    steps = steps_per_epoch(rows, size)
    own = run.workers.share(steps)
    batches: Any = run.batches("train", order=order, skip=own.start).take(len(own))
    if plan.rows is not None:
        batches = list(batches)
    places = range(0, steps, CURVATURE_EVERY)
    sample_rows = sum(min(size, rows - place * size) for place in places)
    sample = Sampled(batches, own.start)
    return PhaseRows(batches, rows, sample, sample_rows / rows)


@dataclass(frozen=True)
class Sampled:
    """Every so manieth of some batches, the first of which is number `start`, with their numbers
    in the sample."""

    batches: Iterable[Batch]
    start: int

    def __iter__(self) -> Iterator[tuple[int, Batch]]:
        for place, batch in enumerate(self.batches, start=self.start):
            if place % CURVATURE_EVERY == 0:
                yield place // CURVATURE_EVERY, batch


def make_results_step(run: Run) -> ResultsStep:
    @tf.function(input_signature=[run.signature()], autograph=False)
    def step(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        return network_results(run.network, batch)

    return step


def make_judgement(run: Run) -> Callable[[], tuple[float, dict[str, float]]]:
    """The loss between epochs: over the same rows of eval each time, drawn by seed where there are
    too many. It has no label smoothing and no class weights."""
    step = make_results_step(run)
    size = run.spec.training.batch_size
    rows = run.data.rows("eval")
    some = max(1, ROWS_BETWEEN_EPOCHS // size)
    capped = rows > some * size
    order = (run.spec.training.seed, 0) if capped else None
    judged = run.batches("eval", order=order).take(some)

    def judge() -> tuple[float, dict[str, float]]:
        results = gather_results(step, judged, min(rows, some * size))
        own = [mean_loss(of_head) for of_head in results.values()]
        # Machines that are not quite alike must still decide alike.
        means = dict(zip(results, map(float, run.workers.chiefs(*own)), strict=True))
        return sum(run.losses[name].scale * mean for name, mean in means.items()), means

    return judge


def final_metrics(run: Run) -> dict[str, dict[str, Metrics]]:
    """{split: {head: metrics}} of all held-out rows."""
    step = make_results_step(run)
    metrics = {}
    for split in run.held_out():
        results = gather_results(step, run.batches(split), run.data.rows(split))
        metrics[split] = {
            name: summarise(head.kind, results[name], run.scales.get(name, Scale()))
            for name, head in run.network.heads.items()
        }
    return metrics


def fit_temperatures(run: Run) -> dict[str, float]:
    """{classification head: temperature}, fitted on eval."""
    return {
        name: fit_temperature(make_sums(run.network, head, run.signature()), run.batches("eval"))
        for name, head in run.network.heads.items()
        if head.kind == "classification" and run.data.rows("eval") > 0
    }


def baselines(run: Run, train_columns: Arrays) -> dict[str, Any]:
    """{head: its baselines on the held-out rows}."""
    inputs = [*run.columns.ids, *run.columns.sequences]
    held_out = {split: run.collect(split) for split in run.held_out()}
    found = {}
    for name, head in run.network.heads.items():
        if head.kind == "multilabel":
            made = label_set_baselines(name, train_columns, held_out, head.classes)
        elif head.kind == "classification":
            made = label_baselines(name, train_columns, held_out, inputs, head.classes)
        else:
            scale = run.scales.get(name, Scale())
            made = value_baselines(name, head.kind, train_columns, held_out, inputs, scale)
        found[name] = made.to_json()
    return found
