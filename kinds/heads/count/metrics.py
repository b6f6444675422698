"""How good rates are: mean absolute error and Poisson deviance."""

from collections.abc import Sequence

import numpy as np

from kinds.heads.any.baselines import Baselines
from kinds.heads.any.metrics import Array, Rows, Scale, Splits, Totals, TrainTargets
from kinds.heads.any.metrics import confidence as confidence
from kinds.heads.any.metrics import mixed as mixed
from kinds.heads.any.metrics import narrowed as narrowed
from kinds.heads.any.metrics import shortfall as shortfall
from kinds.heads.numbers.metrics import mean_baselines
from kinds.heads.numbers.metrics import rows as rows


def headlines() -> tuple[str, ...]:
    return "mean_absolute_error", "deviance"


def loss() -> str:
    return "deviance"


def unknown_targets() -> None:
    return None


def restored(rows: Rows, scale: Scale) -> Rows:
    return {"value": np.exp(rows["value"]), "target": rows["target"]}


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    """The value is the rate."""
    rate, target = rows["value"], rows["target"]
    totals.add_mean("mean_absolute_error", np.abs(rate - target), weights)
    totals.add_mean("deviance", deviance(target, rate), weights)


def deviance(counts: Array, rates: Array | float) -> Array:
    """Poisson deviance of each row."""
    ratio = np.where(counts > 0, counts, 1.0) / np.maximum(rates, 1e-300)
    return np.asarray(2 * (np.where(counts > 0, counts * np.log(ratio), 0.0) - (counts - rates)))


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    def as_rows(mean: Array, target: Array) -> Rows:
        return {"value": np.maximum(mean, 1e-9), "target": target}

    return mean_baselines(train, held_out, inputs, "deviance", add, as_rows)
