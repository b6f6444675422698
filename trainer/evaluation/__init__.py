"""How good a run is on held-out rows: between its epochs, and at its end beside baselines.

Metrics are exact, over every class and every row they are given.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import tensorflow as tf

from kinds.heads import metrics as heads
from kinds.heads.any.baselines import Baselines
from kinds.heads.any.intervals import Interval, row_intervals
from kinds.heads.any.metrics import (
    Array,
    Metrics,
    Rows,
    Scale,
    Totals,
    TrainTargets,
    measured,
)
from kinds.heads.any.network import OutputLayer
from kinds.heads.labels.numbering import FILTERED, MISSING
from kinds.heads.network import KINDS
from kinds.heads.part import HeadPart
from kinds.parsing import Arrays
from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from trainer.data import Batch
from trainer.evaluation.calibration import fit_temperature, make_sums
from trainer.network import Network
from trainer.run import Run, trained_columns
from trainer.training.train_state import Judged

# Between epochs no more rows than these are looked at; the final metrics are over all.
ROWS_BETWEEN_EPOCHS = 65_536

HeldOutLoss = Callable[[], Judged]
Results = dict[str, np.ndarray]
# {split: {head: {metric: (from, to)}}}
Intervals = dict[str, dict[str, dict[str, Interval]]]
ResultsStep = Callable[[Batch], dict[str, dict[str, tf.Tensor]]]


def results_step(run: Run) -> ResultsStep:
    return run.traced("results", lambda batch: network_results(run.network, batch))


def network_results(network: Network, batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
    """{head: {"loss", "weight" and what its metrics need: float32 [batch, ...]}} of a batch."""
    hidden = network.body(batch.features, training=False)
    return {
        name: head_results(with_memory(network, head, batch, hidden[name]), hidden[name], batch)
        for name, head in network.heads.items()
    }


def head_results(head: OutputLayer, hidden: tf.Tensor, batch: Batch) -> dict[str, tf.Tensor]:
    kind, targets = KINDS[head.part.kind], batch.targets[head.name]
    weight = batch.weights * kind.row_weights(targets, None)
    found = kind.results(head, hidden, targets)
    if head.name in batch.left_out:
        left = replace(
            head, mixed=lambda logits: what_is_left(head.mixed_in(logits), batch, head.name)
        )
        found |= {f"{FILTERED}{n}": v for n, v in kind.results(left, hidden, targets).items()}
    return {**found, "weight": weight}


def what_is_left(logits: tf.Tensor, batch: Batch, head: str) -> tf.Tensor:
    """[batch, outputs] without the labels that each row leaves out, its own target not among
    them."""
    ids, own = batch.left_out[head], batch.targets[head][:, None]
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(ids))
    is_out = (ids != MISSING) & (ids != own)
    cells = tf.stack([rows, tf.maximum(ids, 0)], axis=-1)
    return tf.tensor_scatter_nd_min(logits, cells, tf.where(is_out, -np.inf, np.inf))


def with_memory(
    network: Network, head: OutputLayer, batch: Batch, hidden: tf.Tensor
) -> OutputLayer:
    """The head as it predicts the rows of a batch, which its memories have not counted."""
    memory = network.memories.get(head.name)
    if memory is None:
        return head
    mixture = memory.mixture(batch.features, hidden=head.input(hidden))
    kind = KINDS[head.part.kind]
    times = memory.inverse_temperature
    return replace(head, mixed=lambda logits: kind.mixed(times * logits, mixture))


def gather_results(
    step: ResultsStep, batches: tf.data.Dataset, rows: int, title: str
) -> dict[str, Results]:
    """The results of the first `rows` rows of the batches (the others fill the last one up)."""
    gathered: dict[str, dict[str, list[np.ndarray]]] = {}
    progress, done = Progress(title, total=rows, unit="rows", brief=True), 0
    for batch in batches:
        for head, results in step(batch).items():
            of_head = gathered.setdefault(head, {})
            for name, values in results.items():
                of_head.setdefault(name, []).append(values.numpy())
        done = min(rows, done + len(batch.weights))
        progress.at(done)
    progress.end(done)
    return {
        head: {name: np.concatenate(parts)[:rows] for name, parts in of_head.items()}
        for head, of_head in gathered.items()
    }


def mean_loss(results: Mapping[str, np.ndarray]) -> float:
    """The exact weighted mean; 0 where no row has a target."""
    weight = results["weight"].astype(np.float64)
    return float((results["loss"] * weight).sum() / weight.sum()) if weight.any() else 0.0


def make_held_out_loss(run: Run) -> HeldOutLoss:
    """The loss and the metrics between epochs: over the same rows of eval each time, drawn by seed
    where there are too many, and kept in memory. The loss has no label smoothing and no class
    weights."""
    step = results_step(run)
    size = run.spec.training.batch_size
    rows = run.rows("eval")
    some = max(1, ROWS_BETWEEN_EPOCHS // size)
    capped = rows > some * size
    order = (run.spec.training.seed, 0) if capped else None
    kept = run.batches("eval", order=order).take(some).cache()

    def held_out_loss() -> Judged:
        results = gather_results(step, kept, min(rows, some * size), "judge the epoch")
        own = [mean_loss(of_head) for of_head in results.values()]
        # Machines that are not quite alike must still decide alike.
        means = dict(zip(results, map(float, run.workers.chiefs(*own)), strict=True))
        loss = sum(run.losses[name].scale * mean for name, mean in means.items())
        parts = run.spec.heads
        found = {n: summarise(parts[n], results[n], run.scales[n]) for n in means}
        return Judged(loss, means, found, *selected(run, found))

    return held_out_loss


def selected(run: Run, found: Mapping[str, Metrics]) -> tuple[float, float] | tuple[()]:
    """The metric that decides which weights are best, if it is not the loss, and how far it falls
    short. Raises Failure 2 where no held-out row has the target."""
    if (chosen := run.spec.selected()) is None:
        return ()
    name, metric = chosen
    if metric not in found[name]:
        rule = f"heads.{name}.select needs held-out rows with its target"
        raise Failure(Exit.USAGE, rule, received=f"no {metric}")
    # Machines that are not quite alike must still decide alike.
    (value,) = map(float, run.workers.chiefs(found[name][metric]))
    return value, heads.KINDS[run.spec.heads[name].kind].shortfall(metric, value)


def headlines(run: Run) -> dict[str, list[str]]:
    """The metrics that stand for each head."""
    labels = run.data.statistics.labels_of
    return {
        name: heads.telling(heads.KINDS[part.kind].headlines(), labels.get(name))
        for name, part in run.spec.heads.items()
    }


def final_metrics(run: Run) -> tuple[dict[str, dict[str, Metrics]], Intervals]:
    """{split: {head: metrics}} of all held-out rows, and the same with the intervals of metrics."""
    step = results_step(run)
    metrics: dict[str, dict[str, Metrics]] = {}
    intervals: Intervals = {}
    for split in run.held_out():
        batches, rows = run.batches(split), run.data.rows(split)
        results = gather_results(step, batches, rows, f"judge on {split}")
        of_heads = {n: (h.part, results[n], run.scales[n]) for n, h in run.network.heads.items()}
        metrics[split] = {name: summarise(*of_head) for name, of_head in of_heads.items()}
        intervals[split] = {name: intervals_of(*of_head) for name, of_head in of_heads.items()}
    return metrics, intervals


def summarise(head: HeadPart, results: Results, scale: Scale) -> Metrics:
    """A head's metrics. `targets` is the number of rows that have one."""
    add, kept, weights = _with_targets(head, results, scale)
    return measured(add, kept, weights, head.in_file())


def intervals_of(head: HeadPart, results: Results, scale: Scale) -> dict[str, Interval]:
    """{metric: (from, to)} over rows: of their groups no example knows."""
    add, kept, weights = _with_targets(head, results, scale)
    return row_intervals(add, kept, weights, head.in_file())


def _with_targets(
    head: HeadPart, results: Results, scale: Scale
) -> tuple[Callable[[Totals, Rows, Array], None], Rows, Array]:
    """What measures a head's rows, those with a target in its own unit, and their weights."""
    rows = results["weight"] > 0
    kept = {name: values[rows].astype(np.float64) for name, values in results.items()}
    kind = heads.KINDS[head.kind]
    return kind.add, kind.restored(kept, scale), kept["weight"]


def unknown_targets(spec: Spec) -> dict[str, str]:
    """{head: what a target counts as that the vocabulary does not hold}."""
    said = {name: heads.KINDS[head.kind].unknown_targets() for name, head in spec.heads.items()}
    return {name: text for name, text in said.items() if text}


def shift_biases(run: Run) -> None:
    """Moves the output biases of heads that are to give something else than what they learn."""
    heads = run.network.heads.values()
    shifts = [(h, KINDS[h.part.kind].shift(h.part, run.scales[h.name])) for h in heads]
    if not any(shift for _, shift in shifts) or not run.data.rows("eval"):
        return
    found = gather_results(results_step(run), run.batches("eval"), run.rows("eval"), "shift")
    for head, shift in shifts:
        if shift:
            head.bias.assign_add(tf.fill(head.bias.shape, np.float32(shift(found[head.name]))))


def fit_temperatures(run: Run) -> dict[str, float]:
    """{head: temperature} of the heads that have one, fitted on eval."""
    if not run.data.rows("eval"):
        return {}
    batches, found = run.batches("eval"), {}
    for name, head in run.network.heads.items():
        if sums := KINDS[head.part.kind].temperature_sums(head.part):
            of_head = make_sums(run.network, head, sums, run.signature())
            found[name] = fit_temperature(of_head, batches)
    return found


def baselines(run: Run, train_columns: Arrays) -> dict[str, Baselines]:
    """{head: its baselines on the held-out rows}. All inputs that are ids and the last element of
    each sequence are tried; the one with the lowest loss on eval is the strongest."""
    held_out = {split: run.collect(split) for split in run.held_out()}
    found = {}
    for name, head in run.network.heads.items():
        columns = trained_columns(name, run.features, train_columns)
        train = TrainTargets(name, columns, head.outputs, settings=head.part.in_file())
        kind, scale = heads.KINDS[head.part.kind], run.scales[name]
        found[name] = kind.baselines(train, held_out, run.features.ids(), scale)
    return found
