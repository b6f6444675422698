"""The settings of a sequence."""

from typing import Literal, Self

from pydantic import model_validator

from kinds.inputs.several.spec import SeveralPart
from kinds.settings import Column, Separator

# A weight counts up to here, so that one broken cell does not make the scores of its row overflow.
MOST_WEIGHT = 1e6


class Sequence(SeveralPart):
    """A list of values of a vocabulary. The last `length` values count; shorter lists are padded on
    the left.

    With `weights` each value counts as much as the other column says, at the same place of its
    list: a mean is the sum of the weighted vectors by the sum of the weights, and 0 where that is
    0. A list of another length than that of the values makes the row bad, and so does a weight that
    is missing, no number or below 0: a mean of negative weights lies anywhere. For what speaks
    against a value take a second sequence. A weight above 1,000,000 counts as 1,000,000.
    """

    kind: Literal["sequence"] = "sequence"
    separator: Separator = " "
    """What separates the values if the column holds text."""
    weights: Column | None = None
    """The column with a weight for each value, for `combine: mean` and `combine: sum`."""

    @model_validator(mode="after")
    def _weights_where_they_mean_something(self) -> Self:
        if self.weights is not None and self.combine not in ("mean", "sum"):
            raise ValueError("`weights` go with `combine: mean` or `combine: sum` only")
        return self

    def columns(self, name: str) -> tuple[str, ...]:
        own = super().columns(name)
        return own if self.weights is None else (*own, self.weights)
