"""The settings of a head that predicts a number on a scale."""

from typing import ClassVar, Literal

from kinds.heads.numbers.spec import MeasuredPart


class ScaledPart(MeasuredPart):
    """A head that predicts a number, or its logarithm, standardised."""

    PREPARED: ClassVar = MeasuredPart.PREPARED | {"scale"}

    scale: Literal["standard", "log", "none"] = "standard"
    """What the model predicts: the standardised number, its standardised logarithm, or the number
    as it is."""
