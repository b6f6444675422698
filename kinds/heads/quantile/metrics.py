"""How good quantiles are: pinball loss, and the share of targets at or below each."""

from collections.abc import Sequence

import numpy as np

from kinds.heads.any import metrics as any_head
from kinds.heads.any.baselines import Baselines
from kinds.heads.any.metrics import Array, Rows, Scale, Splits, Totals, TrainTargets
from kinds.heads.any.metrics import confidence as confidence
from kinds.heads.any.metrics import mixed as mixed
from kinds.heads.any.metrics import narrowed as narrowed
from kinds.heads.numbers.metrics import Best, baselines_of
from kinds.heads.numbers.metrics import rows as rows
from kinds.heads.scaled.metrics import restored as restored

# How much less of a weight is as much: sums are rounded.
_ROUNDED = 1e-12


def headlines() -> tuple[str, ...]:
    return "pinball_loss", "mean_absolute_error"


def shortfall(metric: str, value: float) -> float:
    """
    >>> shortfall("share_below@0.5", 0.75), shortfall("pinball_loss", 0.75)
    (0.25, 0.75)
    """
    _, at, stated = metric.partition("@")
    return abs(value - float(stated)) if at else any_head.shortfall(metric, value)


def loss() -> str:
    return "pinball_loss"


def unknown_targets() -> None:
    return None


def add(totals: Totals, rows: Rows, weights: Array) -> None:
    quantiles: list[float] = totals.settings["quantiles"]
    values, target = rows["value"], rows["target"]
    totals.add_mean("pinball_loss", pinball(quantiles, values, target), weights)
    totals.add_mean("mean_absolute_error", np.abs(values[:, middle(quantiles)] - target), weights)
    for at, quantile in enumerate(quantiles):
        totals.add_mean(f"share_below@{quantile}", target <= values[:, at], weights)


def pinball(quantiles: Sequence[float], values: Array, target: Array) -> Array:
    """[rows] the mean of the losses of values [rows, quantiles].

    >>> pinball([0.9], np.array([[1.0], [1.0]]), np.array([2.0, 0.0])).round(3).tolist()
    [0.9, 0.1]
    """
    share, above = np.array(quantiles), target[:, None] - values
    return np.asarray(np.maximum(share * above, (share - 1) * above).mean(axis=1))


def middle(quantiles: Sequence[float]) -> int:
    """The place of the quantile nearest to the median."""
    return min(range(len(quantiles)), key=lambda at: abs(quantiles[at] - 0.5))


def baselines(
    train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
) -> Baselines:
    """The quantiles of the train targets, and those given an input's value."""
    quantiles = train.settings["quantiles"]

    def overall(target: Array, weights: Array) -> Array:
        return quantiles_of(quantiles, target, weights)

    def sums(target: Array, weights: Array, groups: Array, count: int) -> Array:
        own = group_quantiles(quantiles, target, weights, groups, count)
        return own * np.bincount(groups, weights, count)[:, None]

    def as_rows(values: Array, target: Array) -> Rows:
        return restored({"value": values, "target": target}, scale)

    best = Best(overall, sums)
    return baselines_of(best, train, held_out, inputs, "pinball_loss", add, as_rows)


def quantiles_of(quantiles: Sequence[float], target: Array, weights: Array) -> Array:
    """[quantiles]: the least target that so much of the weight is at or below.

    >>> quantiles_of([0.25, 0.5], np.array([3.0, 1.0, 2.0]), np.array([2.0, 1.0, 1.0])).tolist()
    [1.0, 2.0]
    """
    nowhere = np.zeros(len(target), np.int64)
    return np.asarray(group_quantiles(quantiles, target, weights, nowhere, 1)[0])


def group_quantiles(
    quantiles: Sequence[float], target: Array, weights: Array, groups: Array, count: int
) -> Array:
    """[groups, quantiles] of the targets of each group; 0 for a group without weight."""
    if not len(target):
        return np.zeros([count, len(quantiles)])
    order = np.lexsort((target, groups))
    reached = np.append(0.0, np.cumsum(weights[order]))
    ends = np.searchsorted(groups[order], np.arange(count), side="right")
    starts = np.append(0, ends[:-1])
    before, weight = reached[starts], reached[ends] - reached[starts]
    wanted = before[:, None] + np.array(quantiles) * weight[:, None] * (1 - _ROUNDED)
    place = np.searchsorted(reached[1:], wanted)
    last = np.maximum(ends - 1, 0)
    place = np.clip(place, np.minimum(starts, last)[:, None], last[:, None])
    return np.where(weight[:, None] > 0, target[order][place], 0.0)
