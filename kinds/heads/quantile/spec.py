"""The settings of a quantile head."""

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.heads.scaled.spec import ScaledPart


class Quantile(ScaledPart):
    """Stated quantiles of a number, each by its pinball loss (Koenker and Bassett 1978). The model
    predicts them on the scale of a regression; `<head>.values` has all of them, from the lowest
    up, in the number's own unit. They never cross.

    For example `left: {kind: quantile, quantiles: [0.05, 0.5, 0.95]}`: nine of ten numbers lie
    between the first value and the last.
    """

    RESULTS: ClassVar = ("values",)
    METRICS: ClassVar = ("pinball_loss", "mean_absolute_error")

    kind: Literal["quantile"] = "quantile"
    quantiles: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1, max_length=99)
    ] = (0.1, 0.5, 0.9)
    """Shares of the numbers, rising: at each value, that share lies at or below it."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(one >= other for one, other in pairwise(self.quantiles)):
            raise ValueError("`quantiles` must rise")
        return self

    def in_file(self) -> dict[str, Any]:
        return {"quantiles": list(self.quantiles)}
