"""The settings of a binary head."""

from typing import ClassVar, Literal

from kinds.heads.numbers.spec import NumberPart
from kinds.heads.part import Link
from kinds.settings import Positive


class Binary(NumberPart):
    """Yes or no, by a sigmoid. `<head>.score` is the probability of yes."""

    RESULTS: ClassVar = ("score",)
    METRICS: ClassVar = ("log_loss", "accuracy", "auc")

    kind: Literal["binary"] = "binary"
    class_weights: dict[Literal["0", "1"], Positive] | Literal["balanced"] | None = None
    """How much a row with each answer counts; `balanced` gives both the same total weight."""

    def link(self) -> Link:
        return "logit"
