"""A run judged on held-out rows: between its epochs, and at its end beside simple baselines."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from trainer.data import Batch
from trainer.judgement.baselines import label_baselines, label_set_baselines, value_baselines
from trainer.judgement.calibration import fit_temperature, make_sums
from trainer.judgement.metrics import Metrics, gather_results, mean_loss, network_results, summarise
from trainer.network import Scale
from trainer.run import Arrays, Run

# Between epochs no more rows than these are judged; the final metrics are over all.
ROWS_BETWEEN_EPOCHS = 65_536

# The loss of the run on the held-out rows, and that of each head.
Judge = Callable[[], tuple[float, dict[str, float]]]
ResultsStep = Callable[[Batch], dict[str, dict[str, tf.Tensor]]]


def make_results_step(run: Run) -> ResultsStep:
    @tf.function(input_signature=[run.signature()], autograph=False)
    def step(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        return network_results(run.network, batch)

    return step


def make_judgement(run: Run) -> Judge:
    """The loss between epochs: over the same rows of eval each time, drawn by seed where there are
    too many, and kept in memory. It has no label smoothing and no class weights."""
    step = make_results_step(run)
    size = run.spec.training.batch_size
    rows = run.data.rows("eval")
    some = max(1, ROWS_BETWEEN_EPOCHS // size)
    capped = rows > some * size
    order = (run.spec.training.seed, 0) if capped else None
    judged = run.batches("eval", order=order).take(some).cache()

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
