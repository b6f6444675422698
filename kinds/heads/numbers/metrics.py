"""Metrics and baselines of a head whose target is one number. NumPy only."""

from collections.abc import Callable, Sequence

import numpy as np

from kinds.heads.any.metrics import (
    WEIGHT,
    Array,
    Baselines,
    Columns,
    Metrics,
    Predictor,
    Rows,
    Splits,
    Totals,
    TrainTargets,
    compare,
    measured,
    without,
)

Add = Callable[[Totals, Rows, Array], None]
# (predictions on the network's scale, targets) to rows as `add` takes them.
AsRows = Callable[[Array, Array], Rows]


def rows(output: Array, owners: Array, targets: Array) -> dict[str, Array]:
    """[rows] values and their targets, both in the target's own unit."""
    target = np.zeros(len(output))
    target[owners] = targets
    return {"value": output.astype(np.float64), "target": target}


def mean_baselines(
    train: TrainTargets,
    held_out: Splits,
    inputs: Sequence[str],
    metric: str,
    add: Add,
    as_rows: AsRows,
) -> Baselines:
    """The mean, and the mean given an input's value."""
    name, known = train.name, ~np.isnan(train.targets)
    weights, target = train.weights[known], train.targets[known].astype(np.float64)
    overall = float((target * weights).sum() / max(weights.sum(), 1e-300))

    def measure(split: Columns, mean: Array) -> Metrics:
        kept = ~np.isnan(split[name]) & (split[WEIGHT] > 0)
        rows = as_rows(mean[kept], split[name][kept].astype(np.float64))
        found = measured(add, rows, split[WEIGHT][kept].astype(np.float64), train.settings)
        return without(found, "targets")

    def constant(split: Columns) -> Metrics:
        return measure(split, np.full(len(split[name]), overall))

    def given(source: str) -> Predictor:
        size = int(max(c[source].max(initial=0) for c in (train.columns, *held_out.values()))) + 1
        rows = np.bincount(train.columns[source][known], weights, size)
        sums = np.bincount(train.columns[source][known], weights * target, size)

        def predict(strength: float, split: Columns) -> Metrics:
            means = (sums + strength * overall) / (rows + strength)
            return measure(split, means[split[source]])

        return predict

    return compare(constant, given, held_out, inputs, metric)
