"""How good yes or no is: log loss, accuracy, area under the curve."""

from collections.abc import Sequence

import numpy as np

from kinds.heads.any.baselines import Baselines
from kinds.heads.any.metrics import Array, Rows, Scale, Splits, Totals, TrainTargets
from kinds.heads.any.metrics import mixed as mixed
from kinds.heads.any.metrics import narrowed as narrowed
from kinds.heads.any.metrics import restored as restored
from kinds.heads.any.metrics import shortfall as shortfall
from kinds.heads.numbers import metrics as numbers

# Scores are float32: one nearer to 0 or to 1 has been rounded to it.
_LEAST, _MOST = 1e-38, 1 - 1e-8


def headlines() -> tuple[str, ...]:
    return "auc", "log_loss", "accuracy"


def loss() -> str:
    return "log_loss"


def unknown_targets() -> None:
    return None


def rows(output: Array, owners: Array, targets: Array) -> Rows:
    """[rows] probabilities of yes, and targets that are 0 or 1."""
    found = numbers.rows(output, owners, targets)
    return found | {"value": _logit(found["value"], _LEAST, _MOST)}


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    """The value is the logit of yes, the target 0 or 1."""
    logit, target = rows["value"], rows["target"]
    totals.add_mean("log_loss", np.logaddexp(0, logit) - target * logit, weights)
    totals.add_mean("accuracy", (logit > 0) == (target > 0.5), weights)
    totals.add_scores(logit, target, weights)


def confidence(rows: Rows) -> tuple[Array, Array]:
    """Of yes, whatever is the likelier answer."""
    return 1 / (1 + np.exp(-rows["value"])), rows["target"]


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    """The share of yes."""

    def as_rows(mean: Array, target: Array) -> Rows:
        return {"value": _logit(mean, 1e-7, 1 - 1e-7), "target": target}

    return numbers.mean_baselines(train, held_out, inputs, "log_loss", add, as_rows)


def _logit(p: Array, least: float, most: float) -> Array:
    p = np.clip(p, least, most)
    return np.asarray(np.log(p) - np.log1p(-p))
