"""The settings of an input that is several values of a vocabulary."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.keys import Key
from kinds.settings import Count, Separator

# How many of the last values a memory can count by.
PLACES = 5


class SeveralPart(IdsPart):
    """An input of several values, whose vectors become one."""

    PREPARED: ClassVar = IdsPart.PREPARED | {"length", "separator"}

    length: Count
    """The number of values."""
    separator: Separator | None = None
    """What separates the values."""
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention"] = "concat"
    """How the vectors of the values are combined into one."""
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
        return self

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """`last` is the last value that counts, `last2` the one before it."""
        places = range(1, min(self.length, PLACES) + 1)
        named = {place: "last" if place == 1 else f"last{place}" for place in places}
        return {called: self.key(name, entries, place) for place, called in named.items()}
