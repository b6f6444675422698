"""Metrics and baselines of a head whose target is one number. NumPy only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from kinds.heads.any.baselines import Baselines, Prediction, Predictor, compare
from kinds.heads.any.metrics import (
    Array,
    Columns,
    Rows,
    Splits,
    Totals,
    TrainTargets,
)
from kinds.names import WEIGHT

Add = Callable[[Totals, Rows, Array], None]
# (predictions on the network's scale, targets) to rows as `add` takes them.
AsRows = Callable[[Array, Array], Rows]


def rows(output: Array, owners: Array, targets: Array) -> dict[str, Array]:
    """[rows] values and their targets, both in the target's own unit."""
    target = np.zeros(len(output))
    target[owners] = targets
    return {"value": output.astype(np.float64), "target": target}


@dataclass(frozen=True)
class Best:
    """The best prediction for some targets that are all given the same one.

    overall: (targets, weights [rows]) to the best for all, a number or several
    sums: (targets, weights, groups [rows], number of groups) to the best for each group, times the
    weight of its rows
    """

    overall: Callable[[Array, Array], Array]
    sums: Callable[[Array, Array, Array, int], Array]


def baselines_of(
    best: Best,
    train: TrainTargets,
    held_out: Splits,
    inputs: Sequence[str],
    metric: str,
    add: Add,
    as_rows: AsRows,
) -> Baselines:
    """The best constant, and the best given an input's value, drawn to the constant as if so many
    rows more had it as their best."""
    name, known = train.name, ~np.isnan(train.targets)
    weights, target = train.weights[known], train.targets[known].astype(np.float64)
    overall = best.overall(target, weights)

    def of(split: Columns, predicted: Array) -> Prediction:
        kept = ~np.isnan(split[name]) & (split[WEIGHT] > 0)
        rows = as_rows(predicted[kept], split[name][kept].astype(np.float64))
        return Prediction(add, rows, split[WEIGHT][kept].astype(np.float64), train.settings)

    def constant(split: Columns) -> Prediction:
        return of(split, np.repeat(overall[None], len(split[name]), axis=0))

    def given(source: str) -> Predictor:
        size = int(max(c[source].max(initial=0) for c in (train.columns, *held_out.values()))) + 1
        values = train.columns[source][known]
        sums = best.sums(target, weights, values, size)
        rows = np.bincount(values, weights, size).reshape(size, *[1] * overall.ndim)

        def predict(strength: float, split: Columns) -> Prediction:
            drawn = (sums + strength * overall) / (rows + strength)
            return of(split, drawn[split[source]])

        return predict

    return compare(constant, given, held_out, inputs, metric)


def _mean(target: Array, weights: Array) -> Array:
    return np.asarray((target * weights).sum() / max(weights.sum(), 1e-300))


def _sums(target: Array, weights: Array, groups: Array, count: int) -> Array:
    return np.bincount(groups, weights * target, count)


mean_baselines = partial(baselines_of, Best(_mean, _sums))
