"""Calibration of answers (kinds.heads.coverage) on half of eval: of those with a stated coverage,
and of thresholds.

It is the half that says how good memories are (trainer.evaluation.gates): every second row, and
none that gates were fitted to. The other half judges, and so do the rows of test, by which nothing
was fitted or chosen. A head is as the file has it: at its temperature, with its memories.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads import metrics
from kinds.heads.any.metrics import Rows, Scale
from kinds.heads.any.network import OutputLayer
from kinds.heads.coverage import KINDS as COVERAGE
from kinds.heads.coverage import Calibration, Shape
from kinds.heads.network import KINDS
from kinds.heads.part import HeadPart
from trainer.data import Batch, steps_per_epoch
from trainer.evaluation import Results, ResultsStep, gather_results, with_memory
from trainer.run import Run

# Of a split.
ROWS = 32_768
# What the calibration is judged at; sets are made small at the middle one.
COVERAGES = (0.8, 0.9, 0.95)
# So many rows say how large sets are: all labels of each are put in order.
ROWS_SORTED = 512


def calibrated(run: Run, temperatures: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """{"calibration" or "thresholds": {head: what was found, and how it did on rows that it was not
    made of}}, of the heads that have them. Nothing without eval rows."""
    if run.data.rows("eval") < 2:
        return {}
    own = {name: _at(head, temperatures) for name, head in run.network.heads.items()}
    step = _step(run, own)
    of_splits = {split: _rows(run, split, step) for split in run.held_out()}
    found: dict[str, dict[str, Any]] = {"calibration": {}, "thresholds": {}}
    for name, head in own.items():
        halves = _halves({split: rows[name] for split, rows in of_splits.items()})
        if made := _of_head(run, head, halves):
            found["calibration"][name] = made
        if made := _threshold(run, head, halves):
            found["thresholds"][name] = made
    return {what: of_heads for what, of_heads in found.items() if of_heads}


def _at(head: OutputLayer, temperatures: Mapping[str, float]) -> OutputLayer:
    """At its temperature, as a head without memories has it in the file."""
    times = 1.0 / temperatures.get(head.name, 1.0)
    return replace(head, mixed=lambda logits: logits * times)


def _step(run: Run, own: Mapping[str, OutputLayer]) -> ResultsStep:
    @tf.function(input_signature=[run.signature()], autograph=False)
    def step(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        hidden, found = run.network.body(batch.features, training=False), {}
        for name, head in own.items():
            kind, targets = KINDS[head.part.kind], batch.targets[name]
            layer = with_memory(run.network, head, batch, hidden[name])
            weight = batch.weights * kind.row_weights(targets, None)
            found[name] = {**kind.conformity(layer, hidden[name], targets), "weight": weight}
        return found

    return step


def _rows(run: Run, split: str, step: ResultsStep) -> dict[str, Results]:
    rows = min(run.data.rows(split), ROWS)
    batches = run.batches(split).take(steps_per_epoch(rows, run.spec.training.batch_size))
    return gather_results(step, batches, rows, f"calibrate on {split}")


def _of_head(run: Run, head: OutputLayer, halves: Mapping[str, Results]) -> dict[str, Any]:
    part, scale = head.part, run.scales[head.name]
    kind = COVERAGE[part.kind]
    of_halves = {name: _with_targets(part, own, scale) for name, own in halves.items()}
    made_of = of_halves.pop("calibration")
    shapes = [Shape(one, scale.log) for one in kind.penalties()] or [Shape(log=scale.log)]
    tried = [(kind.strangeness(made_of, shape), shape) for shape in shapes]
    known = [Calibration.of(scores, s) for scores, s in tried if scores is not None and len(scores)]
    if not known:
        return {}
    outputs = _falling(run, head) if kind.penalties() else made_of["value"]
    best = min(known, key=lambda one: _mean_size(part, one, outputs, COVERAGES[1]))
    judged = {
        name: [_judged(part, best, c, rows, outputs) for c in COVERAGES if c < best.most()]
        for name, rows in of_halves.items()
    }
    return {**best.content(), "judged": judged}


def _threshold(run: Run, head: OutputLayer, halves: Mapping[str, Results]) -> dict[str, Any]:
    """The threshold of a head that has an aim, and what it reaches; nothing where it cannot."""
    part, scale = head.part, run.scales[head.name]
    if (aim := part.aim()) is None:
        return {}
    kind = COVERAGE[part.kind]
    rows = {name: _with_targets(part, own, scale) for name, own in halves.items()}
    weights = {name: own["weight"][own["weight"] > 0] for name, own in halves.items()}
    threshold = kind.threshold(rows.pop("calibration"), weights["calibration"], aim)
    if threshold is None:
        return {"threshold": None, "aim": aim}
    judged = {
        name: {"rows": len(weights[name]), **kind.reached(own, weights[name], threshold)}
        for name, own in rows.items()
    }
    return {"threshold": threshold, "aim": aim, "judged": judged}


def _halves(of_splits: Mapping[str, Results]) -> dict[str, Results]:
    """Eval's halves, and all rows of test where it has some."""
    found = {name: dict(results) for name, results in of_splits.items()}
    found["calibration"] = {what: values[1::2] for what, values in found["eval"].items()}
    found["eval"] = {what: values[::2] for what, values in found["eval"].items()}
    return found


def _with_targets(part: HeadPart, results: Results, scale: Scale) -> Rows:
    there = results["weight"] > 0
    rows = {name: values[there].astype(np.float64) for name, values in results.items()}
    return metrics.KINDS[part.kind].restored(rows, scale)


def _falling(run: Run, head: OutputLayer) -> np.ndarray:
    """[rows, labels] the probabilities of some eval rows' labels, the greatest first."""

    @tf.function(input_signature=[run.signature()], autograph=False)
    def step(batch: Batch) -> tf.Tensor:
        hidden = run.network.body(batch.features, training=False)[head.name]
        layer = with_memory(run.network, head, batch, hidden)
        return tf.nn.softmax(layer.logits(hidden))[:ROWS_SORTED, :-1]

    (first,) = run.batches("eval").take(1)
    rows = min(run.data.rows("eval"), ROWS_SORTED)
    return np.asarray(-np.sort(-step(first).numpy()[:rows], axis=1))


def _mean_size(part: HeadPart, one: Calibration, outputs: np.ndarray, coverage: float) -> float:
    limit = one.limit(min(coverage, one.most() - 1 / (one.rows + 1)))
    return float(COVERAGE[part.kind].sizes(outputs, limit, one.shape).mean())


def _judged(
    part: HeadPart, one: Calibration, coverage: float, rows: Rows, outputs: np.ndarray
) -> dict[str, float]:
    """How many truths the answers held, the standard error of that share (of both these rows and
    the calibration's), and how large the answers are on average."""
    limit, scores = one.limit(coverage), COVERAGE[part.kind].strangeness(rows, one.shape)
    held = float(np.mean(scores <= limit)) if scores is not None and len(scores) else math.nan
    count = 0 if scores is None else len(scores)
    error = math.sqrt(coverage * (1 - coverage) * (1 / max(1, count) + 1 / one.rows))
    size = _mean_size(part, one, outputs, coverage)
    return {"coverage": coverage, "held": held, "error": error, "rows": count, "size": size}
