"""How far off numbers are, in the target's own unit."""

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
from kinds.heads.scaled.metrics import restored as restored


def headlines() -> tuple[str, ...]:
    return "mean_absolute_error", "root_mean_squared_error"


def loss() -> str:
    return "root_mean_squared_error"


def unknown_targets() -> None:
    return None


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    error = rows["value"] - rows["target"]
    totals.add_mean("mean_absolute_error", np.abs(error), weights)
    totals.add_mean("mean_squared_error", error**2, weights)


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    def as_rows(mean: Array, target: Array) -> Rows:
        return restored({"value": mean, "target": target}, scale)

    metric = "root_mean_squared_error"
    return mean_baselines(train, held_out, inputs, metric, add, as_rows)
