"""The settings of a sequence."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.keys import Key
from kinds.settings import Column, Count, Separator

# A weight counts up to here, so that one broken cell does not make the scores of its row overflow.
MOST_WEIGHT = 1e6

# How many of the last values of a sequence a memory can count by.
PLACES = 5


class Sequence(IdsPart):
    """A list of values of a vocabulary. The last `length` values count; shorter lists are padded on
    the left.

    With `weights` each value counts as much as the other column says, at the same place of its
    list: a mean is the sum of the weighted vectors by the sum of the weights, and 0 where that is
    0. A list of another length than that of the values makes the row bad, and so does a weight that
    is missing, no number or below 0: a mean of negative weights lies anywhere. For what speaks
    against a value take a second sequence. A weight above 1,000,000 counts as 1,000,000.
    """

    PREPARED: ClassVar = IdsPart.PREPARED | {"length", "separator"}

    kind: Literal["sequence"] = "sequence"
    length: Count
    """The number of values."""
    separator: Separator = " "
    """What separates the values if the column holds text."""
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention"] = "concat"
    """How the vectors of the values are combined into one."""
    weights: Column | None = None
    """The column with a weight for each value, for `combine: mean` and `combine: sum`."""
    units: Count | None = None
    """The width of an LSTM or a GRU."""
    attention_heads: Count = 1
    """The number of attention heads."""

    @model_validator(mode="after")
    def _units_where_they_mean_something(self) -> Self:
        recurrent = self.combine in ("lstm", "gru")
        if recurrent and self.units is None:
            raise ValueError(f"`combine: {self.combine}` needs `units`")
        if not recurrent and self.units is not None:
            raise ValueError("`units` goes with `combine: lstm` or `combine: gru` only")
        if self.combine != "attention" and self.attention_heads != 1:
            raise ValueError("`attention_heads` goes with `combine: attention` only")
        if self.weights is not None and self.combine not in ("mean", "sum"):
            raise ValueError("`weights` go with `combine: mean` or `combine: sum` only")
        return self

    def columns(self, name: str) -> tuple[str, ...]:
        own = super().columns(name)
        return own if self.weights is None else (*own, self.weights)

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """`last` is the last value, `last2` the one before it."""
        places = range(1, min(self.length, PLACES) + 1)
        named = {place: "last" if place == 1 else f"last{place}" for place in places}
        return {called: self.key(name, entries, place) for place, called in named.items()}
