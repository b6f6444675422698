"""Calibration of answers (kinds.heads.coverage) on half of eval: of those with a stated coverage,
and of thresholds.

It is the half that says how good memories are (trainer.evaluation.gates): every second row, and
none that gates were fitted to. The other half judges, and so do the rows of test, by which nothing
was fitted or chosen. A head is as the file has it: at its temperature, with its memories.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kinds.heads import metrics
from kinds.heads.any.intervals import row_intervals
from kinds.heads.any.metrics import Rows, Scale
from kinds.heads.any.network import OutputLayer
from kinds.heads.coverage import KINDS as COVERAGE
from kinds.heads.coverage import Calibration, Limit, Shape
from kinds.heads.network import KINDS
from kinds.heads.part import HeadPart
from kinds.heads.slices import IDS, Slices
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
            rows = kind.conformity(layer, hidden[name], targets)
            found[name] = {**rows, "weight": weight, **_slices(run, batch)}
        return found

    return step


def _slices(run: Run, batch: Batch) -> dict[str, tf.Tensor]:
    """The ids by which the spec has answers calibrated, if it does."""
    by = run.spec.training.coverage_by
    return {} if by is None else {IDS: batch.features[by]}


def _rows(run: Run, split: str, step: ResultsStep) -> dict[str, Results]:
    rows = min(run.data.rows(split), ROWS)
    batches = run.batches(split).take(steps_per_epoch(rows, run.spec.training.batch_size))
    return gather_results(step, batches, rows, f"calibrate on {split}")


def _of_head(run: Run, head: OutputLayer, halves: Mapping[str, Results]) -> dict[str, Any]:
    part, scale = head.part, run.scales[head.name]
    kind = COVERAGE[part.kind]
    of_halves = {name: _with_targets(part, own, scale) for name, own in halves.items()}
    outputs: Mapping[str, Rows] = _falling(run, head) if kind.penalties() else of_halves
    made_of = of_halves["calibration"]
    shapes = [Shape(one, scale.log) for one in kind.penalties()] or [Shape(log=scale.log)]
    tried = [(kind.strangeness(made_of, shape), shape) for shape in shapes]
    known = [Calibration.of(scores, s) for scores, s in tried if scores is not None and len(scores)]
    if not known:
        return {}
    made_small = outputs["calibration"]
    best = min(known, key=lambda one: float(_sizes(part, one, made_small, COVERAGES[1]).mean()))
    asked = [c for c in COVERAGES if c < best.most()]
    slices = _sliced(run, best, made_of, kind.strangeness(made_of, best.shape))
    judging = {name: rows for name, rows in of_halves.items() if name != "calibration"}
    judged = {
        name: [_judged(part, best, slices, c, rows, outputs[name]) for c in asked]
        for name, rows in judging.items()
    }
    if slices is None:
        return {**best.content(), "judged": judged}
    of_slices = {
        name: _judged_slices(part, slices, rows)
        for name, rows in judging.items()
        if COVERAGES[1] in asked
    }
    return {
        **best.content(),
        "judged": judged,
        "slices": {**slices.content(), "judged": of_slices},
    }


def _sliced(run: Run, whole: Calibration, rows: Rows, scores: np.ndarray | None) -> Slices | None:
    """The calibration slice by slice, if the spec asks for it."""
    name = run.spec.training.coverage_by
    if name is None or scores is None:
        return None
    values = list(run.data.vocabulary(run.spec.vocabulary_of()[name]))
    return Slices.of(name, values, rows[IDS], scores, whole)


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
        name: {
            "rows": len(weights[name]),
            **kind.reached(own, weights[name], threshold),
            "intervals": row_intervals(
                partial(kind.add_reached, threshold=threshold), own, weights[name], part.in_file()
            ),
        }
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
    ids = {IDS: rows[IDS]} if IDS in rows else {}
    return {**metrics.KINDS[part.kind].restored(rows, scale), **ids}


def _falling(run: Run, head: OutputLayer) -> Mapping[str, Rows]:
    """Of some rows of each half and of test, as "value" [rows, labels], the probabilities of
    labels, the greatest first; and the rows' ids."""

    @tf.function(input_signature=[run.signature()], autograph=False)
    def step(batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
        hidden = run.network.body(batch.features, training=False)[head.name]
        layer = with_memory(run.network, head, batch, hidden)
        shares = KINDS[head.part.kind].probabilities(layer.logits(hidden)[:ROWS_SORTED])
        return {head.name: {"value": shares, **_slices(run, batch)}}

    found = {}
    for split in run.held_out():
        rows = min(run.data.rows(split), ROWS_SORTED)
        batches = run.batches(split).take(steps_per_epoch(rows, run.spec.training.batch_size))
        own = gather_results(step, batches, rows, f"sizes of sets on {split}")[head.name]
        found[split] = {**own, "value": np.asarray(-np.sort(-own["value"], axis=1))}
    return _halves(found)


def _sizes(
    part: HeadPart, one: Calibration, outputs: Rows, coverage: float, slices: Slices | None = None
) -> np.ndarray:
    most = min(coverage, one.most() - 1 / (one.rows + 1))
    limit = _limit(one, slices, most, outputs)
    return COVERAGE[part.kind].sizes(outputs["value"], limit, one.shape)


def _limit(one: Calibration, slices: Slices | None, coverage: float, rows: Rows) -> Limit:
    return slices.limits(coverage, rows[IDS]) if slices else one.limit(coverage)


def _judged(
    part: HeadPart,
    one: Calibration,
    slices: Slices | None,
    coverage: float,
    rows: Rows,
    outputs: Rows,
) -> dict[str, float]:
    """How many truths the answers held, the standard error of that share (of both these rows and
    the calibration's), and how large the answers are on average, with its standard error, too.
    `outputs` are of some of these rows."""
    limit = _limit(one, slices, coverage, rows)
    scores = COVERAGE[part.kind].strangeness(rows, one.shape)
    assert scores is not None, "only heads with such answers are calibrated"
    sizes = _sizes(part, one, outputs, coverage, slices)
    held = {"coverage": coverage, **_held(scores <= limit, coverage, one.rows)}
    return {**held, "size": float(sizes.mean()), "size_error": _error(sizes)}


def _judged_slices(part: HeadPart, slices: Slices, rows: Rows) -> list[dict[str, Any]]:
    """The same of each slice at the middle coverage; and how many truths there would be in answers
    that were calibrated by all rows alike."""
    coverage, whole = COVERAGES[1], slices.whole
    scores = COVERAGE[part.kind].strangeness(rows, whole.shape)
    assert scores is not None, "only heads with such answers are calibrated"
    of_slices, of_whole = slices.limits(coverage, rows[IDS]), whole.limit(coverage)
    made_of = dict(slices.calibrations())
    return [
        {
            "slice": name,
            "coverage": coverage,
            **_held((scores <= of_slices)[there], coverage, made_of[name].rows),
            "by_all": float(np.mean(scores[there] <= of_whole)),
            "by_all_error": _error(scores[there] <= of_whole),
        }
        for name, there in slices.parts(rows[IDS])
        if there.any()
    ]


def _held(is_held: np.ndarray, coverage: float, made_of: int) -> dict[str, float]:
    count = len(is_held)
    held = float(np.mean(is_held)) if count else math.nan
    error = math.sqrt(coverage * (1 - coverage) * (1 / max(1, count) + 1 / made_of))
    return {"held": held, "error": error, "rows": count}


def _error(values: np.ndarray) -> float:
    """The standard error of a mean."""
    return float(values.std() / math.sqrt(max(1, len(values) - 1)))
