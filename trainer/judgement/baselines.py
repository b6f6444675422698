"""What a model has to beat: the best constant prediction, and the best one given a single input.

All category inputs and the last element of each sequence are tried; the one with the lowest loss
on eval is the strongest. Counted by sorting NumPy arrays of the train columns, no row in Python.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trainer.judgement.metrics import (
    CUTS,
    Metrics,
    binary_metrics,
    count_metrics,
    label_metrics,
    label_set_metrics,
    number_metrics,
)
from trainer.network import Scale
from trainer.targets import ROWS_OF_NO_ROWS, distribution

# How many rows of the overall distribution are mixed into the one given an input's value.
STRENGTHS = (1.0, 5.0, 25.0, 125.0)
Columns = Mapping[str, np.ndarray]
# (strength, columns of a split) to the metrics of a prediction given one input.
Predictor = Callable[[float, Columns], Metrics]


@dataclass(frozen=True)
class Baselines:
    """A head's baselines: metrics by split. `given` names the input of the second one, if any."""

    constant: dict[str, Metrics]
    strongest: dict[str, Metrics]
    given: str | None

    def to_json(self) -> dict[str, object]:
        return {
            "constant": self.constant,
            "strongest_input": {"input": self.given, **self.strongest},
        }


def label_baselines(
    name: str, train: Columns, held_out: Mapping[str, Columns], inputs: Sequence[str], classes: int
) -> Baselines:
    """For a classification head of `classes`, the last one being all other values."""

    def constant(split: Columns) -> Metrics:
        return _label_metrics(split, name, *_constant_labels(split[name], counts))

    def given(source: str) -> Predictor:
        pairs = count_pairs(train[source], train[name], train["row.weight"], classes)

        def predict(strength: float, split: Columns) -> Metrics:
            model = LabelsGiven(pairs, counts, strength)
            return _label_metrics(split, name, *labels_given(model, split[source], split[name]))

        return predict

    known = train[name] >= 0
    counts = np.bincount(train[name][known], train["row.weight"][known], classes)
    return _compare(constant, given, held_out, inputs, "log_loss")


def _compare(
    constant: Callable[[Columns], Metrics],
    given: Callable[[str], Predictor],
    held_out: Mapping[str, Columns],
    inputs: Sequence[str],
    judged: str,
) -> Baselines:
    """Picks the input and strength with the lowest `judged` metric on the first split."""
    constants = {split: constant(columns) for split, columns in held_out.items()}
    first = next(iter(held_out.values()), None)
    if first is None or not inputs or judged not in constants[next(iter(held_out))]:
        return Baselines(constants, {}, None)
    tried = []
    for source in inputs:
        predict = given(source)
        tried += [(predict(strength, first)[judged], source, strength) for strength in STRENGTHS]
    _, source, strength = min(tried)
    predict = given(source)
    return Baselines(constants, {s: predict(strength, c) for s, c in held_out.items()}, source)


def _label_metrics(split: Columns, name: str, loss: np.ndarray, rank: np.ndarray) -> Metrics:
    rows = (split[name] >= 0) & (split["row.weight"] > 0)
    if not rows.any():
        return {}
    metrics = label_metrics(loss[rows], rank[rows], split["row.weight"][rows].astype(np.float64))
    # Ranks after the last cut are not counted out.
    return {k: v for k, v in metrics.items() if k != "mean_reciprocal_rank"}


def _constant_labels(labels: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    safe = np.maximum(labels, 0)
    ranks = np.full(len(counts), np.inf)
    ranks[np.argsort(-counts[:-1], kind="stable")] = np.arange(1, len(counts))
    return -np.log(distribution(counts))[safe], ranks[safe]


@dataclass(frozen=True)
class Pairs:
    """Weights of (value, label) pairs, sorted by the key value * classes + label."""

    keys: np.ndarray
    weights: np.ndarray
    classes: int


def count_pairs(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, classes: int) -> Pairs:
    known = labels >= 0
    keys = values[known].astype(np.int64) * classes + labels[known]
    distinct, place = np.unique(keys, return_inverse=True)
    return Pairs(distinct, np.bincount(place, weights[known], len(distinct)), classes)


@dataclass(frozen=True)
class LabelsGiven:
    """p(label | value) = (pairs + strength * p(label)) / (rows of the value + strength)."""

    pairs: Pairs
    counts: np.ndarray
    strength: float


def labels_given(
    model: LabelsGiven, values: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(log loss, rank up to the last cut, else infinite) of each row."""
    pairs, prior = model.pairs, distribution(model.counts)
    of_value = pairs.keys // pairs.classes
    size = int(max(values.max(initial=0), of_value.max(initial=0))) + 1
    rows = np.bincount(of_value, pairs.weights, size)
    safe = np.maximum(labels, 0)
    seen = _lookup(pairs, values.astype(np.int64) * pairs.classes + safe)
    p = (seen + model.strength * prior[safe]) / (rows[values] + model.strength)
    best = best_labels(model, size)
    hit = best[values] == safe[:, None]
    return -np.log(p), np.where(hit.any(axis=1), hit.argmax(axis=1) + 1.0, np.inf)


def _lookup(pairs: Pairs, keys: np.ndarray) -> np.ndarray:
    if not len(pairs.keys):
        return np.zeros(len(keys))
    place = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
    return np.where(pairs.keys[place] == keys, pairs.weights[place], 0.0)


def best_labels(model: LabelsGiven, size: int) -> np.ndarray:
    """[size, 10] the most probable labels for each value, best first, -1 where there are no more.

    They are among the ten best that occur with the value and the ten most frequent of all.
    """
    pairs, most = model.pairs, max(CUTS)
    prior = model.strength * distribution(model.counts)
    value, label = np.divmod(pairs.keys, pairs.classes)
    real = label < pairs.classes - 1
    value, label, score = value[real], label[real], (pairs.weights + prior[label])[real]
    order = np.lexsort((label, -score, value))
    value, label, score = value[order], label[order], score[order]
    place = np.arange(len(value)) - np.searchsorted(value, value)
    first = place < most
    found = np.full((size, most), -1)
    scores = np.full((size, most), -np.inf)
    found[value[first], place[first]] = label[first]
    scores[value[first], place[first]] = score[first]
    top = np.argsort(-prior[:-1], kind="stable")[:most]
    again = (found[:, :, None] == top).any(axis=1)
    both = np.concatenate([found, np.broadcast_to(top, (size, len(top)))], axis=1)
    all_scores = np.concatenate([scores, np.where(again, -np.inf, prior[top])], axis=1)
    best = np.argsort(-all_scores, axis=1, kind="stable")[:, :most]
    chosen = np.take_along_axis(both, best, axis=1)
    return np.where(np.isinf(np.take_along_axis(all_scores, best, axis=1)), -1, chosen)


def label_set_baselines(
    name: str, train: Columns, held_out: Mapping[str, Columns], classes: int
) -> Baselines:
    """For a multilabel head: each label with its share of the train rows. No input is tried."""
    there = train[f"{name}.count"] >= 0
    weights = train["row.weight"][there].astype(np.float64)
    of_label = np.repeat(weights, train[f"{name}.count"][there])
    total = max(weights.sum(), 1.0)
    share = np.bincount(train[name], of_label, classes) / total
    share = np.clip(share, ROWS_OF_NO_ROWS / total, 1 - ROWS_OF_NO_ROWS / total)
    constants = {split: _label_set_metrics(c, name, share) for split, c in held_out.items()}
    return Baselines(constants, {}, None)


def _label_set_metrics(split: Columns, name: str, share: np.ndarray) -> Metrics:
    count = np.maximum(split[f"{name}.count"], 0)
    labels, row = split[name], np.repeat(np.arange(len(count)), count)
    place = np.empty(len(share), np.int64)
    place[np.argsort(-share, kind="stable")] = np.arange(len(share))
    hits = np.zeros((len(count), max(CUTS) + 1))
    hits[row, np.minimum(place[labels], max(CUTS))] = 1.0
    odds = np.log(share) - np.log1p(-share)
    own = np.bincount(row, odds[labels], len(count))
    kept = (split[f"{name}.count"] >= 0) & (split["row.weight"] > 0)
    if not kept.any():
        return {}
    results = {"hits": hits[:, :-1], "labels": count, "loss": -np.log1p(-share).sum() - own}
    results["weight"] = split["row.weight"].astype(np.float64)
    return label_set_metrics({n: values[kept] for n, values in results.items()})


def value_baselines(
    name: str,
    kind: str,
    train: Columns,
    held_out: Mapping[str, Columns],
    inputs: Sequence[str],
    scale: Scale,
) -> Baselines:
    """For binary, regression and count heads: the mean, and the mean given an input's value."""
    known = ~np.isnan(train[name])
    weights = train["row.weight"][known].astype(np.float64)
    target = train[name][known].astype(np.float64)
    overall = float((target * weights).sum() / max(weights.sum(), 1e-300))

    def constant(split: Columns) -> Metrics:
        return _value_metrics(kind, split, name, np.full(len(split[name]), overall), scale)

    def given(source: str) -> Predictor:
        size = int(max(c[source].max(initial=0) for c in (train, *held_out.values()))) + 1
        rows = np.bincount(train[source][known], weights, size)
        sums = np.bincount(train[source][known], weights * target, size)

        def predict(strength: float, split: Columns) -> Metrics:
            means = (sums + strength * overall) / (rows + strength)
            return _value_metrics(kind, split, name, means[split[source]], scale)

        return predict

    judged = {"binary": "log_loss", "count": "deviance"}.get(kind, "root_mean_squared_error")
    return _compare(constant, given, held_out, inputs, judged)


def _value_metrics(kind: str, split: Columns, name: str, mean: np.ndarray, scale: Scale) -> Metrics:
    rows = ~np.isnan(split[name]) & (split["row.weight"] > 0)
    if not rows.any():
        return {}
    value, target = mean[rows], split[name][rows].astype(np.float64)
    weight = split["row.weight"][rows].astype(np.float64)
    match kind:
        case "binary":
            p = np.clip(value, 1e-7, 1 - 1e-7)
            return binary_metrics(np.log(p) - np.log1p(-p), target, weight)
        case "count":
            return count_metrics(np.maximum(value, 1e-9), target, weight)
    return number_metrics(scale.restore(value), scale.restore(target), weight)
