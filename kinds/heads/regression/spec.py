"""The settings of a regression."""

from typing import ClassVar, Literal

from kinds.heads.numbers.spec import NumberPart


class Regression(NumberPart):
    """A number: predicted standardised, or its logarithm is, and given back in its own unit."""

    PREPARED: ClassVar = NumberPart.PREPARED | {"scale"}

    kind: Literal["regression"] = "regression"
    scale: Literal["standard", "log", "none"] = "standard"
    """What is predicted: the standardised number, its standardised logarithm, or as it stands."""
