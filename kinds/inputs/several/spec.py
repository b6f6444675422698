"""The settings of an input that is several values of a vocabulary."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.keys import Key
from kinds.settings import Count, Separator, Share

# How many of the last values a memory can count by.
PLACES = 5


class SeveralPart(IdsPart):
    """An input of several values, whose vectors become one."""

    PREPARED: ClassVar = IdsPart.PREPARED | {"length", "separator"}

    length: Count
    """The number of values."""
    separator: Separator | None = None
    """What separates the values."""
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention", "transformer"] = (
        "concat"
    )
    """How the vectors of the values are combined into one."""
    units: Count | None = None
    """The width of an LSTM, a GRU or a transformer, whose default is that of the vectors."""
    layers: Count | None = None
    """The number of a transformer's layers; 2 by default."""
    attention_heads: Count = 1
    """The number of attention heads."""
    dropout: Share = 0.0
    """The dropout in a transformer: of what goes in, and of what each layer adds."""

    @model_validator(mode="after")
    def _units_where_they_mean_something(self) -> Self:
        recurrent = self.combine in ("lstm", "gru")
        if recurrent and self.units is None:
            raise ValueError(f"`combine: {self.combine}` needs `units`")
        is_transformer = self.combine == "transformer"
        if not (recurrent or is_transformer) and self.units is not None:
            raise ValueError("`units` goes with `combine: lstm`, `gru` or `transformer` only")
        if self.combine not in ("attention", "transformer") and self.attention_heads != 1:
            raise ValueError("`attention_heads` goes with `combine: attention` or `transformer`")
        for setting in ("layers", "dropout"):
            if not is_transformer and getattr(self, setting):
                raise ValueError(f"`{setting}` goes with `combine: transformer` only")
        return self

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """`last` is the last value that counts, `last2` the one before it."""
        places = range(1, min(self.length, PLACES) + 1)
        named = {place: "last" if place == 1 else f"last{place}" for place in places}
        return {called: self.key(name, entries, place) for place, called in named.items()}
