"""The settings of a regression."""

from typing import Literal

from kinds.heads.scaled.spec import ScaledPart


class Regression(ScaledPart):
    """A number. The model predicts it, or its logarithm, standardised; `<head>.value` has its own
    unit."""

    kind: Literal["regression"] = "regression"
