"""Heads measured: how good predictions are, and what the simplest ones give. NumPy only."""

from collections.abc import Sequence
from typing import Protocol

from kinds.answers import answers
from kinds.heads.any.metrics import Array, Baselines, Rows, Scale, Splits, Totals, TrainTargets


class Metrics(Protocol):
    """What the trainer, the evaluation of a file and the report ask each kind of head."""

    def headlines(self) -> tuple[str, ...]:
        """The metrics that stand for the head, the first in one number."""

    def unknown_targets(self) -> str | None:
        """What a target counts as that the vocabulary does not hold; None without one."""

    def rows(self, output: Array, owners: Array, targets: Array) -> Rows:
        """What `add` needs of the rows of which the file gives `output` [rows, ...]: logits where
        the head has labels. The row `owners[i]` has the target `targets[i]`: a number, or the id of
        a label."""

    def restored(self, rows: Rows, scale: Scale) -> Rows:
        """Rows as `network.results` makes them, in the target's own unit."""

    def add(self, totals: Totals, rows: Rows, weights: Array) -> None:
        """Adds rows that all have a target."""

    def confidence(self, rows: Rows) -> tuple[Array, Array] | None:
        """Of the best answer of each row [rows]: its probability, and 1 where it is right."""

    def baselines(
        self, train: TrainTargets, held_out: Splits, inputs: Sequence[str], scale: Scale
    ) -> Baselines:
        """The best constant prediction, and the best one given the value of a single input, counted
        in train."""


KINDS: dict[str, Metrics] = answers("kinds.heads", "metrics", Metrics)
