"""The settings of a regression."""

from typing import ClassVar, Literal

from kinds.heads.numbers.spec import NumberPart


class Regression(NumberPart):
    """A number. The model predicts it, or its logarithm, standardised; scores have its own unit."""

    PREPARED: ClassVar = NumberPart.PREPARED | {"scale"}

    kind: Literal["regression"] = "regression"
    scale: Literal["standard", "log", "none"] = "standard"
    """What the model predicts: the standardised number, its standardised logarithm, or the number
    as it is."""
