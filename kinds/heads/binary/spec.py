"""The settings of a binary head."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kinds.heads.numbers.spec import NumberPart
from kinds.heads.part import Link
from kinds.settings import Positive

# What a threshold is to reach.
Share = Annotated[float, Field(gt=0, lt=1)]
Aim = (
    Literal["f1"]
    | Annotated[dict[Literal["precision", "recall"], Share], Field(max_length=1, min_length=1)]
)


class Binary(NumberPart):
    """Yes or no, by a sigmoid. `<head>.score` is the probability of yes."""

    RESULTS: ClassVar = ("score",)
    METRICS: ClassVar = ("log_loss", "accuracy", "auc")

    kind: Literal["binary"] = "binary"
    class_weights: dict[Literal["0", "1"], Positive] | Literal["balanced"] | None = None
    """How much a row with each answer counts; `balanced` gives both the same total weight."""
    threshold: Aim = "f1"
    """What the threshold of `<head>.answer` (`--answers`) is to reach, on half of eval: `f1`, the
    best F1; `{precision: 0.95}` with as much recall as can be had; or `{recall: 0.9}` with as much
    precision."""

    def link(self) -> Link:
        return "logit"

    def aim(self) -> Aim:
        return self.threshold
