"""The settings of a regression."""

from typing import ClassVar, Literal

from kinds.heads.scaled.spec import ScaledPart


class Regression(ScaledPart):
    """A number. The model predicts it, or its logarithm, standardised; `<head>.value` has its own
    unit."""

    METRICS: ClassVar = ("mean_absolute_error", "root_mean_squared_error")

    kind: Literal["regression"] = "regression"
