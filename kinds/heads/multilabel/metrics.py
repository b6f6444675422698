"""How good sets of labels are: log loss, precision and recall among the first k."""

from collections.abc import Sequence

import numpy as np

from kinds.heads.any.baselines import Baselines, Prediction
from kinds.heads.any.metrics import (
    Array,
    Columns,
    Rows,
    Scale,
    Splits,
    Totals,
    TrainTargets,
)
from kinds.heads.any.metrics import confidence as confidence
from kinds.heads.any.metrics import restored as restored
from kinds.heads.any.metrics import shortfall as shortfall
from kinds.heads.any.priors import ROWS_OF_NO_ROWS
from kinds.heads.labels.metrics import CUTS, NDCG_CUTS, gains
from kinds.memory.mixture import Mixture, log_odds
from kinds.names import WEIGHT

# How strange the labels of a row are that has none (kinds.heads.multilabel.coverage).
NO_LABELS = -1.0


def headlines() -> tuple[str, ...]:
    return "precision@1", "log_loss", "recall@10"


def loss() -> str:
    return "log_loss"


def unknown_targets() -> str:
    return "not at all: the row counts with the labels that are known"


def rows(output: Array, owners: Array, targets: Array) -> Rows:
    """[rows, n] logits, and ids of labels, of which those from n on are dropped. The loss is the
    sum over the classes."""
    sets = np.zeros(output.shape, bool)
    known = targets < output.shape[1]
    sets[owners[known], targets[known]] = True
    loss = np.logaddexp(0, output).sum(axis=1, dtype=np.float64) - (output * sets).sum(axis=1)
    best = np.argsort(-output, axis=1, kind="stable")[:, : max(CUTS)]
    hits = np.take_along_axis(sets, best, axis=1)
    least = np.min(output, axis=1, where=sets, initial=np.inf).astype(np.float64)
    strangest = np.where(sets.any(axis=1), np.logaddexp(0, -least), NO_LABELS)
    return {"loss": loss, "hits": hits, "labels": sets.sum(axis=1), "strangest": strangest}


def mixed(output: Array, mixture: Mixture) -> Array:
    return log_odds(output, mixture)


def narrowed(output: Array, ids: Array) -> Array:
    """The other labels are left out."""
    return output[:, ids]


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    """precision@k: share of the k best that are labels; recall@k: share of the labels among them;
    ndcg@k: what their ranks are worth, of what the best order is; the last two over the rows that
    have labels."""
    totals.add_mean("log_loss", rows["loss"], weights)
    labels = rows["labels"]
    some = labels > 0
    for cut in CUTS:
        found = rows["hits"][:, :cut].sum(axis=1)
        totals.add_mean(f"precision@{cut}", found / cut, weights)
        totals.add_mean(f"recall@{cut}", found[some] / labels[some], weights[some], some)
    of_rank = gains(np.arange(1.0, rows["hits"].shape[1] + 1), rows["hits"].shape[1])
    for cut in NDCG_CUTS:
        found = rows["hits"][:, :cut] @ of_rank[:cut]
        best = np.cumsum(of_rank)[np.minimum(labels[some], len(of_rank[:cut])).astype(int) - 1]
        totals.add_mean(f"ndcg@{cut}", found[some] / best, weights[some], some)


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    """Each label with its share of the train rows. No input is tried."""
    labels_of_row = train.columns[f"{train.name}.count"]
    there = labels_of_row >= 0
    weights = train.weights[there]
    of_label = np.repeat(weights, labels_of_row[there])
    total = max(weights.sum(), 1.0)
    share = np.bincount(train.targets, of_label, train.outputs) / total
    share = np.clip(share, ROWS_OF_NO_ROWS / total, 1 - ROWS_OF_NO_ROWS / total)
    constants = {split: _of_label_sets(c, train.name, share) for split, c in held_out.items()}
    return Baselines(constants, {}, None)


def _of_label_sets(split: Columns, name: str, share: Array) -> Prediction:
    count = np.maximum(split[f"{name}.count"], 0)
    labels, row = split[name], np.repeat(np.arange(len(count)), count)
    place = np.empty(len(share), np.int64)
    place[np.argsort(-share, kind="stable")] = np.arange(len(share))
    hits = np.zeros((len(count), max(CUTS) + 1))
    hits[row, np.minimum(place[labels], max(CUTS))] = 1.0
    odds = np.log(share) - np.log1p(-share)
    own = np.bincount(row, odds[labels], len(count))
    kept = (split[f"{name}.count"] >= 0) & (split[WEIGHT] > 0)
    rows = {"hits": hits[:, :-1], "labels": count, "loss": -np.log1p(-share).sum() - own}
    kept_rows = {n: values[kept] for n, values in rows.items()}
    return Prediction(add, kept_rows, split[WEIGHT][kept].astype(np.float64))
