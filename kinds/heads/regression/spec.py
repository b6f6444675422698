"""The settings of a regression."""

from typing import ClassVar, Literal

from kinds.heads.scaled.spec import ScaledPart


class Regression(ScaledPart):
    """A number. The model predicts it, or its logarithm, standardised; `<head>.value` has its own
    unit."""

    METRICS: ClassVar = ("mean_absolute_error", "root_mean_squared_error")

    kind: Literal["regression"] = "regression"
    answer: Literal["learned", "mean"] = "learned"
    """With `scale: log` the network learns means of logarithms. They stand for less than means of
    numbers, half of them where a few are far above the others. `mean` moves all answers alike on
    that scale, so that their mean is that of the targets, on the rows of eval."""
