"""Heads measured: how good predictions are, and what the simplest ones give. NumPy only."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from kinds.answers import answers
from kinds.heads.any.baselines import Baselines
from kinds.heads.any.intervals import Interval
from kinds.heads.any.metrics import Array, Rows, Scale, Splits, Totals, TrainTargets
from kinds.memory.mixture import Mixture

# These do not say how good a prediction is.
NO_MERIT = ("targets", "auc_error_at_most", "expected_calibration_error")


class Metrics(Protocol):
    """What the trainer, the evaluation of a file and the report ask each kind of head."""

    def headlines(self) -> tuple[str, ...]:
        """The metrics that stand for the head, the first in one number."""

    def loss(self) -> str:
        """The metric that training lowers, or its root."""

    def shortfall(self, metric: str, value: float) -> float:
        """How far a metric falls short: the best of several values has the least."""

    def unknown_targets(self) -> str | None:
        """What a target counts as that the vocabulary does not hold; None without one."""

    def rows(self, output: Array, owners: Array, targets: Array) -> Rows:
        """What `add` needs of the rows of which the file gives `output` [rows, ...]: logits where
        the head has labels. The row `owners[i]` has the target `targets[i]`: a number, or the id of
        a label."""

    def mixed(self, output: Array, mixture: Mixture) -> Array:
        """What stands for the network's `output` [rows, ...] once the head's memories are mixed
        in."""

    def narrowed(self, output: Array, ids: Array) -> Array:
        """The network's `output` [rows, ...] as that of a head whose only labels are those of the
        `ids`, in their order: what others have goes where values go that are no label."""

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


def telling(metrics: Collection[str], labels: int | None) -> list[str]:
    """The metrics that tell anything of a head with so many labels, None of one without: all labels
    are among the k best where there are no more than k.

    >>> telling(["log_loss", "accuracy@1", "accuracy@5", "ndcg@10"], 5)
    ['log_loss', 'accuracy@1']
    """
    if labels is None:
        return [*metrics]
    cuts = {name: int(cut) for name in metrics if (cut := name.partition("@")[2]).isdigit()}
    return [name for name in metrics if cuts.get(name, 1) < max(2, labels)]


def below(
    kind: str,
    model: Mapping[str, float],
    baselines: Sequence[Mapping[str, float]],
    intervals: Mapping[str, Interval] = MappingProxyType({}),
) -> list[str]:
    """The metrics in which a prediction that knows less is better than the model, beyond noise
    where the model's metrics have intervals."""
    short = KINDS[kind].shortfall
    return [
        name
        for name, value in model.items()
        if name not in NO_MERIT
        and any(
            short(name, o[name]) < short(name, value) and is_beyond(o[name], intervals.get(name))
            for o in baselines
            if name in o
        )
    ]


def is_beyond(value: float, between: Sequence[float] | None) -> bool:
    """Whether a value is none that an interval holds.

    >>> is_beyond(0.5, (0.4, 0.6)), is_beyond(0.7, (0.4, 0.6)), is_beyond(0.7, None)
    (False, True, True)
    """
    return between is None or not between[0] <= value <= between[1]
