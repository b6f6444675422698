"""How good the predictions of a split are: results of each row in one pass, then plain NumPy.

Metrics are exact, over every class and every row they are given. Ranks, accuracy and top-k leave
the class of all other values out, which is never a prediction: a row whose label is there counts
as wrong. Log losses are over all classes.
"""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from trainer.data import Batch
from trainer.network import Network, Scale
from trainer.network.heads import Head, logits
from trainer.objective.losses import (
    binary_rows,
    deviance_rows,
    known,
    multilabel_rows,
    sets_there,
    squared_rows,
)
from trainer.targets import deviance

CUTS = (1, 5, 10)
Results = dict[str, np.ndarray]
Metrics = dict[str, float]


def network_results(network: Network, batch: Batch) -> dict[str, dict[str, tf.Tensor]]:
    """{head: {"loss", "weight" and what its metrics need: float32 [batch, ...]}} of a batch."""
    hidden = network.body(batch.features, training=False)
    return {
        name: row_results(head, hidden[name], batch.targets[name], batch.weights)
        for name, head in network.heads.items()
    }


def row_results(
    head: Head, hidden: tf.Tensor, targets: tf.Tensor, row_weights: tf.Tensor
) -> dict[str, tf.Tensor]:
    z = logits(head, hidden)
    if head.kind == "multilabel":
        found = label_set_results(z, targets)
        weight = row_weights * sets_there(targets)
        return {"loss": multilabel_rows(z, targets), "weight": weight, **found}
    target, there = known(targets)
    weight = row_weights * there
    if head.kind == "classification":
        loss, rank = label_results(z, target)
        return {"loss": loss, "rank": rank, "weight": weight}
    value = tf.squeeze(z, axis=1)
    rows = {"binary": binary_rows, "regression": squared_rows, "count": deviance_rows}[head.kind]
    return {"loss": rows(value, target), "value": value, "target": target, "weight": weight}


def label_results(z: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, classes] logits and int32 [batch] labels to (log loss, rank of the label) [batch].

    The best rank is 1; ties count half. The last class is the one of all other values: it has no
    rank (infinite), and does not push others down.
    """
    own = tf.gather(z, labels, batch_dims=1)
    others = z[:, -1]
    loss = tf.reduce_logsumexp(z, axis=1) - own
    above = _count(z > own[:, None]) - tf.cast(others > own, tf.float32)
    ties = _count(z == own[:, None]) - tf.cast(others == own, tf.float32) - 1
    unranked = labels == tf.shape(z)[1] - 1
    return loss, tf.where(unranked, np.inf, 1 + above + ties / 2)


def _count(yes: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.math.count_nonzero(yes, axis=1, dtype=tf.int32), tf.float32)


def label_set_results(z: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
    """hits [batch, best]: whether the k-th best class is a label; labels [batch]: how many."""
    best = tf.math.top_k(z, min(max(CUTS), z.shape[1])).indices
    hits = tf.reduce_any(best[:, :, None] == labels[:, None, :], axis=2)
    return {"hits": tf.cast(hits, tf.float32), "labels": _count(labels >= 0)}


def gather_results(
    step: Callable[[Batch], dict[str, dict[str, tf.Tensor]]],
    batches: tf.data.Dataset,
    rows: int,
) -> dict[str, Results]:
    """The results of the first `rows` rows of the batches (the others fill the last one up)."""
    gathered: dict[str, dict[str, list[np.ndarray]]] = {}
    for batch in batches:
        for head, results in step(batch).items():
            of_head = gathered.setdefault(head, {})
            for name, values in results.items():
                of_head.setdefault(name, []).append(values.numpy())
    return {
        head: {name: np.concatenate(parts)[:rows] for name, parts in of_head.items()}
        for head, of_head in gathered.items()
    }


def mean_loss(results: Mapping[str, np.ndarray]) -> float:
    """The exact weighted mean; 0 where no row has a target."""
    weight = results["weight"].astype(np.float64)
    return float((results["loss"] * weight).sum() / weight.sum()) if weight.any() else 0.0


def summarise(kind: str, results: Results, scale: Scale) -> Metrics:
    """A head's metrics. `targets` is the number of rows that have one."""
    rows = results["weight"] > 0
    kept = {name: values[rows].astype(np.float64) for name, values in results.items()}
    metrics: Metrics = {"targets": int(rows.sum())}
    if not rows.any():
        return metrics
    match kind:
        case "classification":
            return metrics | label_metrics(kept["loss"], kept["rank"], kept["weight"])
        case "multilabel":
            return metrics | label_set_metrics(kept)
        case "binary":
            return metrics | binary_metrics(kept["value"], kept["target"], kept["weight"])
        case "count":
            rates = np.exp(kept["value"])
            return metrics | count_metrics(rates, kept["target"], kept["weight"])
    value, target = scale.restore(kept["value"]), scale.restore(kept["target"])
    return metrics | number_metrics(value, target, kept["weight"])


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    return float((values * weights).sum() / weights.sum())


def label_metrics(loss: np.ndarray, rank: np.ndarray, weight: np.ndarray) -> Metrics:
    """
    >>> label_metrics(np.array([1.0, 3.0]), np.array([1.0, np.inf]), np.ones(2))["accuracy@1"]
    0.5
    """
    accuracy = {f"accuracy@{k}": _mean(rank <= k, weight) for k in CUTS}
    reciprocal = _mean(1 / rank, weight)
    return {"log_loss": _mean(loss, weight), **accuracy, "mean_reciprocal_rank": reciprocal}


def label_set_metrics(results: Results) -> Metrics:
    """precision@k: share of the k best that are labels; recall@k: share of the labels among them,
    over the rows that have labels."""
    weight, labels = results["weight"], results["labels"]
    metrics = {"log_loss": _mean(results["loss"], weight)}
    some = labels > 0
    for k in CUTS:
        hits = results["hits"][:, :k].sum(axis=1)
        metrics[f"precision@{k}"] = _mean(hits / k, weight)
        if some.any():
            metrics[f"recall@{k}"] = _mean(hits[some] / labels[some], weight[some])
    return metrics


def binary_metrics(logit: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Metrics:
    loss = np.logaddexp(0, logit) - target * logit
    return {
        "log_loss": _mean(loss, weight),
        "accuracy": _mean((logit > 0) == (target > 0.5), weight),
        "auc": area_under_curve(logit, target, weight),
    }


def area_under_curve(score: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """The chance that a row of class 1 has the higher score than one of class 0; ties count half.

    >>> area_under_curve(np.array([0.1, 0.4, 0.4]), np.array([0.0, 0.0, 1.0]), np.ones(3))
    0.75
    """
    values, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, weight * target, len(values))
    no = np.bincount(place, weight * (1 - target), len(values))
    below = np.cumsum(no) - no / 2
    pairs = yes.sum() * no.sum()
    return float((yes * below).sum() / pairs) if pairs > 0 else 0.5


def number_metrics(value: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Metrics:
    """In the target's own unit."""
    error = value - target
    return {
        "mean_absolute_error": _mean(np.abs(error), weight),
        "root_mean_squared_error": float(np.sqrt(_mean(error**2, weight))),
    }


def count_metrics(rate: np.ndarray, target: np.ndarray, weight: np.ndarray) -> Metrics:
    return {
        "mean_absolute_error": _mean(np.abs(rate - target), weight),
        "deviance": _mean(deviance(target, rate), weight),
    }
