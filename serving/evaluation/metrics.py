"""Metrics as running sums: what a file of any length needs is a few numbers and histograms.

Named and defined as the trainer's (every class counts, ties count half), computed from what the
exported file gives. Two are not the trainer's: `expected_calibration_error`, over 15 bins of equal
width, and `auc`, whose scores are put into fine bins: `auc_error_at_most` bounds what that changes.
NumPy only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

CUTS = (1, 5, 10)
CALIBRATION_BINS = 15
AUC_BINS = 1 << 17
# Scores are float32: one nearer to 0 or to 1 has been rounded to it.
_LEAST, _MOST = 1e-38, 1 - 1e-8
_STEEPEST_LOGIT = 17.0

Array = npt.NDArray[Any]


@dataclass
class Totals:
    """The sums of one head. `means` holds [sum of weight * value, sum of weight] by metric."""

    rows: int = 0
    means: dict[str, Array] = field(default_factory=dict)
    calibration: Array = field(default_factory=lambda: np.zeros((3, CALIBRATION_BINS)))
    curve: Array | None = None

    def add_mean(self, metric: str, values: Array, weights: Array) -> None:
        sums = np.array([(values * weights).sum(dtype=np.float64), weights.sum(dtype=np.float64)])
        self.means[metric] = self.means.get(metric, np.zeros(2)) + sums

    def add_calibration(self, said: Array, was: Array, weights: Array) -> None:
        """said: probabilities; was: 1 where it came true, else 0."""
        bins = np.minimum((said * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for sums, values in zip(self.calibration, (said, was, np.ones_like(said)), strict=True):
            sums += np.bincount(bins, weights * values, CALIBRATION_BINS)

    def add_curve(self, scores: Array, target: Array, weights: Array) -> None:
        """Counts of both classes by score, in bins of equal width of its logit."""
        logit = np.log(scores / (1 - scores))
        share = (logit + _STEEPEST_LOGIT) / (2 * _STEEPEST_LOGIT)
        bins = np.clip((share * AUC_BINS).astype(np.int64), 0, AUC_BINS - 1)
        if self.curve is None:
            self.curve = np.zeros((2, AUC_BINS))
        self.curve[1] += np.bincount(bins, weights * target, AUC_BINS)
        self.curve[0] += np.bincount(bins, weights * (1 - target), AUC_BINS)

    def metrics(self) -> dict[str, float]:
        """All metrics; `targets` is the number of rows that have one."""
        result: dict[str, float] = {"targets": self.rows}
        result |= {name: float(a / b) for name, (a, b) in self.means.items() if b > 0}
        if squared := result.pop("mean_squared_error", None):
            result["root_mean_squared_error"] = float(np.sqrt(squared))
        if self.curve is not None:
            result |= area_under_curve(*self.curve)
        if (total := self.calibration[2].sum()) > 0:
            said, was, _ = self.calibration
            result["expected_calibration_error"] = float(np.abs(said - was).sum() / total)
        return result


def area_under_curve(no: Array, yes: Array) -> dict[str, float]:
    """From the weights of both classes by rising score; within a bin half of the pairs count.

    >>> area_under_curve(np.array([1.0, 1.0]), np.array([0.0, 1.0]))
    {'auc': 0.75, 'auc_error_at_most': 0.25}
    """
    pairs = yes.sum() * no.sum()
    if pairs <= 0:
        return {"auc": 0.5, "auc_error_at_most": 0.0}
    below = np.cumsum(no) - no / 2
    unsure = float((yes * no).sum() / (2 * pairs))
    return {"auc": float((yes * below).sum() / pairs), "auc_error_at_most": unsure}


def label_rows(logits: Array, labels: Array) -> dict[str, Array]:
    """[rows, n+1] logits and int [rows] labels, n for any label that is not a class of its own.

    Ranks and predictions leave the last class out; the log loss is over all of them.
    """
    rows = np.arange(len(labels))
    own, known = logits[rows, labels], logits[:, :-1]
    steepest = logits.max(axis=1)
    total = np.exp(logits - steepest[:, None]).sum(axis=1, dtype=np.float64)
    log_total = steepest + np.log(total)
    is_known = labels < known.shape[1]
    ties = (known == own[:, None]).sum(axis=1) - is_known
    rank = np.where(is_known, 1 + (known > own[:, None]).sum(axis=1) + ties / 2, np.inf)
    best = known.argmax(axis=1)
    said = np.minimum(np.exp(known[rows, best] - log_total), 1.0)
    return {"loss": log_total - own, "rank": rank, "said": said, "right": best == labels}


def label_set_rows(logits: Array, sets: Array) -> dict[str, Array]:
    """[rows, n] logits and bool [rows, n]. The loss is the sum over the classes."""
    loss = np.logaddexp(0, logits).sum(axis=1, dtype=np.float64) - (logits * sets).sum(axis=1)
    best = np.argsort(-logits, axis=1, kind="stable")[:, : max(CUTS)]
    return {
        "loss": loss,
        "hits": np.take_along_axis(sets, best, axis=1),
        "labels": sets.sum(axis=1),
    }


def add_labels(totals: Totals, rows: Mapping[str, Array], _: Array, weights: Array) -> None:
    totals.add_mean("log_loss", rows["loss"], weights)
    for cut in CUTS:
        totals.add_mean(f"accuracy@{cut}", rows["rank"] <= cut, weights)
    totals.add_mean("mean_reciprocal_rank", 1 / rows["rank"], weights)
    totals.add_calibration(rows["said"], rows["right"], weights)


def add_label_sets(totals: Totals, rows: Mapping[str, Array], _: Array, weights: Array) -> None:
    totals.add_mean("log_loss", rows["loss"], weights)
    counts = rows["labels"]
    for cut in CUTS:
        found = rows["hits"][:, :cut].sum(axis=1)
        totals.add_mean(f"precision@{cut}", found / cut, weights)
        totals.add_mean(f"recall@{cut}", found / np.maximum(counts, 1), weights * (counts > 0))


def add_binary(totals: Totals, rows: Mapping[str, Array], target: Array, weights: Array) -> None:
    """The value is the probability of class 1, the target 0 or 1."""
    scores = np.clip(rows["value"].astype(np.float64), _LEAST, _MOST)
    totals.add_mean("log_loss", -np.log(np.where(target > 0.5, scores, 1 - scores)), weights)
    totals.add_mean("accuracy", (scores > 0.5) == (target > 0.5), weights)
    totals.add_curve(scores, target, weights)
    totals.add_calibration(scores, target, weights)


def add_number(totals: Totals, rows: Mapping[str, Array], target: Array, weights: Array) -> None:
    """Value and target are in the target's own unit."""
    error = rows["value"].astype(np.float64) - target
    totals.add_mean("mean_absolute_error", np.abs(error), weights)
    totals.add_mean("mean_squared_error", error**2, weights)


def add_count(totals: Totals, rows: Mapping[str, Array], target: Array, weights: Array) -> None:
    """Rates and counts; the deviance is Poisson's."""
    rates = np.maximum(rows["value"].astype(np.float64), 1e-300)
    totals.add_mean("mean_absolute_error", np.abs(rates - target), weights)
    logs = np.log(np.where(target > 0, target, 1.0) / rates)
    deviance = 2 * (np.where(target > 0, target * logs, 0.0) - (target - rates))
    totals.add_mean("deviance", deviance, weights)


ADD = {
    "classification": add_labels,
    "multilabel": add_label_sets,
    "binary": add_binary,
    "regression": add_number,
    "count": add_count,
}
