"""Predictions that know less than a model, to compare it with: a constant, and what a single input
says. They are measured as the model is, with intervals. NumPy only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from kinds.heads.any.intervals import Interval, row_intervals
from kinds.heads.any.metrics import (
    Array,
    Columns,
    Metrics,
    Rows,
    Settings,
    Splits,
    Totals,
    measured,
)

# How many rows of the overall mean are mixed into the one given an input's value.
STRENGTHS = (1.0, 5.0, 25.0, 125.0)


@dataclass(frozen=True)
class Prediction:
    """What is predicted of the rows of a split that have a target, as `add` takes them. It has no
    metrics that are `not_counted`: these would take too long."""

    add: Callable[[Totals, Rows, Array], None]
    rows: Rows
    weights: Array
    settings: Settings = field(default_factory=dict)
    not_counted: Sequence[str] = ()

    @cached_property
    def metrics(self) -> Metrics:
        found = measured(self.add, self.rows, self.weights, self.settings)
        return {n: value for n, value in found.items() if n not in ("targets", *self.not_counted)}

    @property
    def intervals(self) -> dict[str, Interval]:
        """Over rows, of the same draws as those of the model."""
        found = row_intervals(self.add, self.rows, self.weights, self.settings)
        return {name: between for name, between in found.items() if name in self.metrics}


# (strength, columns of a split) to what is predicted given one input.
Predictor = Callable[[float, Columns], Prediction]
OfSplits = dict[str, Prediction]


@dataclass(frozen=True)
class Baselines:
    """A head's baselines by split. `given` names the input of the second one, if any."""

    constant: OfSplits
    strongest: OfSplits
    given: str | None

    def metrics(self) -> dict[str, object]:
        return {
            "constant": {split: one.metrics for split, one in self.constant.items()},
            "strongest_input": {
                "input": self.given,
                **{split: one.metrics for split, one in self.strongest.items()},
            },
        }

    def intervals(self) -> dict[str, dict[str, dict[str, Interval]]]:
        of = {"constant": self.constant, "strongest_input": self.strongest}
        return {
            which: {split: one.intervals for split, one in splits.items()}
            for which, splits in of.items()
        }


def compare(
    constant: Callable[[Columns], Prediction],
    given: Callable[[str], Predictor],
    held_out: Splits,
    inputs: Sequence[str],
    metric: str,
) -> Baselines:
    """Picks the input and strength with the lowest `metric` on the first split."""
    constants = {split: constant(columns) for split, columns in held_out.items()}
    first = next(iter(held_out.values()), None)
    if first is None or not inputs or metric not in constants[next(iter(held_out))].metrics:
        return Baselines(constants, {}, None)
    tried = []
    for source in inputs:
        predict = given(source)
        tried += [
            (predict(strength, first).metrics[metric], source, strength) for strength in STRENGTHS
        ]
    _, source, strength = min(tried)
    predict = given(source)
    return Baselines(constants, {s: predict(strength, c) for s, c in held_out.items()}, source)
