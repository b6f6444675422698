"""How good a classification is: log loss, accuracy within the first k, ranks.

Ranks, accuracy and top-k leave the class of all other values out, which is never a prediction: a
row whose label is there counts as wrong. Log losses are over all classes. Filtered ranks leave some
labels of each row out (Bordes et al. 2013, section 4.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kinds.heads.any.baselines import Baselines, Prediction, Predictor, compare
from kinds.heads.any.metrics import (
    Array,
    Columns,
    Rows,
    Scale,
    Splits,
    Totals,
    TrainTargets,
)
from kinds.heads.any.metrics import restored as restored
from kinds.heads.any.metrics import shortfall as shortfall
from kinds.heads.any.priors import distribution
from kinds.heads.labels.metrics import CUTS, NDCG_CUTS, gains
from kinds.heads.labels.numbering import FILTERED
from kinds.memory.mixture import Mixture, log_probabilities
from kinds.names import WEIGHT


def headlines() -> tuple[str, ...]:
    return "accuracy@1", "log_loss", "accuracy@10"


def loss() -> str:
    return "log_loss"


def unknown_targets() -> str:
    return (
        "as one class with all other unknown labels in log_loss, and as wrong in accuracy and "
        "ranks, since that class is never predicted"
    )


def rows(output: Array, owners: Array, targets: Array) -> Rows:
    """[rows, n+1] logits, and the ids of the labels: n for any that is not a class of its own."""
    labels = np.zeros(len(output), np.int64)
    labels[owners] = targets
    at = np.arange(len(labels))
    own, known = output[at, labels], output[:, :-1]
    steepest = output.max(axis=1)
    shares = np.exp(output - steepest[:, None])
    total = shares.sum(axis=1, dtype=np.float64)
    log_total = steepest + np.log(total)
    is_known = labels < known.shape[1]
    ties = (known == own[:, None]).sum(axis=1) - is_known
    before = known > own[:, None]
    rank = np.where(is_known, 1 + before.sum(axis=1) + ties / 2, np.inf)
    above = (shares[:, :-1] * before).sum(axis=1, dtype=np.float64) / total
    best = known.argmax(axis=1)
    probability = np.minimum(np.exp(known[at, best] - log_total), 1.0)
    return {
        "loss": log_total - own,
        "rank": rank,
        "above": above,
        "probability": probability,
        "right": best == labels,
    }


def mixed(output: Array, mixture: Mixture) -> Array:
    return log_probabilities(output, mixture)


def narrowed(output: Array, ids: Array) -> Array:
    """The other labels join the class of all other values."""
    if len(ids) == output.shape[1] - 1:
        return output[:, [*ids, len(ids)]]
    left = np.delete(output, ids, axis=1)
    others = np.logaddexp.reduce(left, axis=1, keepdims=True)
    return np.concatenate([output[:, ids], others], axis=1)


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    totals.add_mean("log_loss", rows["loss"], weights)
    for among in ("", FILTERED):
        if f"{among}rank" in rows:
            _add_ranks(totals, rows[f"{among}rank"], weights, among)


def _add_ranks(totals: Totals, ranks: Array, weights: Array, among: str) -> None:
    for cut in CUTS:
        totals.add_mean(f"{among}accuracy@{cut}", ranks <= cut, weights)
    for cut in NDCG_CUTS:
        totals.add_mean(f"{among}ndcg@{cut}", gains(ranks, cut), weights)
    totals.add_mean(f"{among}mean_reciprocal_rank", 1 / ranks, weights)


def confidence(rows: Rows) -> tuple[Array, Array]:
    return rows["probability"], rows["right"]


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    """Counts of the labels, overall and given an input. The last class is all other values."""

    def constant(split: Columns) -> Prediction:
        return _of_labels(split, name, *_constant_labels(split[name], counts))

    def given(source: str) -> Predictor:
        pairs = count_pairs(train.columns[source], train.targets, weights, train.outputs)

        def predict(strength: float, split: Columns) -> Prediction:
            model = LabelsGiven(pairs, counts, strength)
            return _of_labels(split, name, *labels_given(model, split[source], split[name]))

        return predict

    name, weights, known = train.name, train.weights, train.targets >= 0
    counts = np.bincount(train.targets[known], weights[known], train.outputs)
    return compare(constant, given, held_out, inputs, "log_loss")


def _of_labels(split: Columns, name: str, loss: Array, rank: Array) -> Prediction:
    kept = (split[name] >= 0) & (split[WEIGHT] > 0)
    rows = {"loss": loss[kept], "rank": rank[kept]}
    # Ranks after the last cut are not counted out.
    unknown = ("mean_reciprocal_rank",)
    return Prediction(add, rows, split[WEIGHT][kept].astype(np.float64), not_counted=unknown)


def _constant_labels(labels: Array, counts: Array) -> tuple[Array, Array]:
    safe = np.maximum(labels, 0)
    ranks = np.full(len(counts), np.inf)
    ranks[np.argsort(-counts[:-1], kind="stable")] = np.arange(1, len(counts))
    return -np.log(distribution(counts))[safe], ranks[safe]


@dataclass(frozen=True)
class Pairs:
    """Weights of (value, label) pairs, sorted by the key value * classes + label."""

    keys: Array
    weights: Array
    classes: int


def count_pairs(values: Array, labels: Array, weights: Array, classes: int) -> Pairs:
    known = labels >= 0
    keys = values[known].astype(np.int64) * classes + labels[known]
    distinct, place = np.unique(keys, return_inverse=True)
    return Pairs(distinct, np.bincount(place, weights[known], len(distinct)), classes)


@dataclass(frozen=True)
class LabelsGiven:
    """p(label | value) = (pairs + strength * p(label)) / (rows of the value + strength)."""

    pairs: Pairs
    counts: Array
    strength: float


def labels_given(model: LabelsGiven, values: Array, labels: Array) -> tuple[Array, Array]:
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


def _lookup(pairs: Pairs, keys: Array) -> Array:
    if not len(pairs.keys):
        return np.zeros(len(keys))
    place = np.minimum(np.searchsorted(pairs.keys, keys), len(pairs.keys) - 1)
    return np.where(pairs.keys[place] == keys, pairs.weights[place], 0.0)


def best_labels(model: LabelsGiven, size: int) -> Array:
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
