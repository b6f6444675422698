"""Metrics as weighted sums over rows, given at once or in parts.

One definition for the trainer, which has all rows of a split at once, and for the evaluation of a
file, which sees rows pass by. Where a metric can not be had exactly from sums it has another name:
`auc` is exact, `auc_binned` puts the scores into fine bins. NumPy only.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds.memory.mixture import Mixture
from kinds.names import WEIGHT

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]
Metrics = dict[str, float]
Splits = Mapping[str, Columns]
# The settings of a head that go into its file (HeadPart.in_file).
Settings = Mapping[str, Any]
NO_SETTINGS: Settings = MappingProxyType({})
# What the metrics of a head need of each row, by name.
Rows = Mapping[str, Array]

CALIBRATION_BINS = 15
LOWER_IS_BETTER = ("loss", "error", "deviance")
# The exact area under the curve needs all scores: of more than these their bins are kept.
SCORES_KEPT = 1 << 20
AUC_BINS = 1 << 17
_STEEPEST_LOGIT = 17.0


@dataclass(frozen=True)
class Scale:
    """How a target was scaled: z = (t - mean) / std, of t = sign(x) log(1 + |x|) where `log`."""

    mean: float = 0.0
    std: float = 1.0
    log: bool = False

    def restore(self, z: Array) -> Array:
        """Scaled values to values in the target's own unit."""
        value = np.float64(z) * self.std + self.mean
        return np.asarray(np.sign(value) * np.expm1(np.abs(value)) if self.log else value)


@dataclass(frozen=True)
class TrainTargets:
    """The targets of a head in train: `columns` by name, `outputs` of the head, the `values` of its
    vocabulary, its `settings` that metrics know, and how cells are read for the vocabulary."""

    name: str
    columns: Columns
    outputs: int
    values: Sequence[str] = ()
    settings: Settings = field(default_factory=dict)
    reading: str = "words"

    @property
    def targets(self) -> Array:
        return self.columns[self.name]

    @property
    def weights(self) -> Array:
        """float64 [rows]"""
        return self.columns[WEIGHT].astype(np.float64)


@dataclass
class Totals:
    """The sums of one head with these `settings`. `means` holds [sum of weight * value, sum of
    weight] by metric."""

    rows: int = 0
    settings: Settings = field(default_factory=dict)
    scores_kept: float = SCORES_KEPT
    means: dict[str, Array] = field(default_factory=dict)
    calibration: Array = field(default_factory=lambda: np.zeros((3, CALIBRATION_BINS)))
    scores: list[Array] = field(default_factory=list)
    curve: Array | None = None

    def add_mean(
        self, metric: str, values: Array, weights: Array, among: Array | None = None
    ) -> None:
        """`among` [rows] says which rows have the values, where not all have."""
        sums = np.array([(values * weights).sum(dtype=np.float64), weights.sum(dtype=np.float64)])
        self.means[metric] = self.means.get(metric, np.zeros(2)) + sums

    def add_calibration(self, predicted: Array, was: Array, weights: Array) -> None:
        """predicted: probabilities; was: 1 where it came true, else 0."""
        bins = np.minimum((predicted * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        for sums, values in zip(
            self.calibration, (predicted, was, np.ones_like(predicted)), strict=True
        ):
            sums += np.bincount(bins, weights * values, CALIBRATION_BINS)

    def add_scores(self, logits: Array, target: Array, weights: Array) -> None:
        """For the area under the curve: the target is 0 or 1."""
        self.scores.append(np.stack([logits, target, weights]))
        if self.curve is not None or sum(s.shape[1] for s in self.scores) > self.scores_kept:
            before = [] if self.curve is None else [self.curve]
            self.curve = np.sum([*before, *map(binned, self.scores)], axis=0)
            self.scores.clear()

    def metrics(self) -> Metrics:
        """All metrics; `targets` is the number of rows that have one."""
        result: Metrics = {"targets": self.rows}
        result |= {name: float(a / b) for name, (a, b) in self.means.items() if b > 0}
        if "mean_squared_error" in result:
            result["root_mean_squared_error"] = math.sqrt(result.pop("mean_squared_error"))
        if self.curve is not None:
            result |= binned_area_under_curve(*self.curve)
        elif self.scores:
            result["auc"] = area_under_curve(*np.concatenate(self.scores, axis=1))
        if (total := self.calibration[2].sum()) > 0:
            predicted, was, _ = self.calibration
            result["expected_calibration_error"] = float(np.abs(predicted - was).sum() / total)
        return result


def shortfall(metric: str, value: float) -> float:
    """
    >>> shortfall("log_loss", 0.5), shortfall("auc", 0.5)
    (0.5, -0.5)
    """
    return value if any(word in metric for word in LOWER_IS_BETTER) else -value


def area_under_curve(score: Array, target: Array, weight: Array) -> float:
    """The chance that a row of class 1 has the higher score than one of class 0; ties count half.

    >>> area_under_curve(np.array([0.1, 0.4, 0.4]), np.array([0.0, 0.0, 1.0]), np.ones(3))
    0.75
    """
    values, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, weight * target, len(values))
    no = np.bincount(place, weight * (1 - target), len(values))
    return _area(no, yes)


def binned(scores: Array) -> Array:
    """[2, bins] weights of both classes, in bins of equal width of the logit."""
    logits, target, weights = scores
    share = (logits + _STEEPEST_LOGIT) / (2 * _STEEPEST_LOGIT)
    bins = np.clip((share * AUC_BINS).astype(np.int64), 0, AUC_BINS - 1)
    return np.stack([np.bincount(bins, weights * c, AUC_BINS) for c in (1 - target, target)])


def binned_area_under_curve(no: Array, yes: Array) -> Metrics:
    """From the weights of both classes by rising score; within a bin half of the pairs count.

    >>> binned_area_under_curve(np.array([1.0, 1.0]), np.array([0.0, 1.0]))
    {'auc_binned': 0.75, 'auc_error_at_most': 0.25}
    """
    pairs = yes.sum() * no.sum()
    unsure = float((yes * no).sum() / (2 * pairs)) if pairs > 0 else 0.0
    return {"auc_binned": _area(no, yes), "auc_error_at_most": unsure}


def _area(no: Array, yes: Array) -> float:
    below = np.cumsum(no) - no / 2
    pairs = yes.sum() * no.sum()
    return float((yes * below).sum() / pairs) if pairs > 0 else 0.5


def measured(
    add: Callable[[Totals, Rows, Array], None],
    rows: Rows,
    weights: Array,
    settings: Settings = NO_SETTINGS,
) -> Metrics:
    """The metrics of rows that are all there, exact. `targets` is the number of rows."""
    totals = Totals(len(weights), settings, math.inf)
    if len(weights):
        add(totals, rows, weights)
    return totals.metrics()


def restored(rows: Rows, scale: Scale) -> Rows:
    """Rows of a head whose outputs have no scale."""
    return rows


def mixed(output: Array, mixture: Mixture) -> Array:
    """Of a head that has no memories."""
    return output


def narrowed(output: Array, ids: Array) -> Array:
    """Of a head that has no labels."""
    return output


def confidence(rows: Rows) -> None:
    """For a head that gives no single answer with a probability."""
