"""The settings of a sequence."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from kinds.inputs.ids.spec import IdsPart
from kinds.inputs.part import Key
from kinds.settings import Count, Separator


class Sequence(IdsPart):
    """A list of values of a vocabulary. The last `length` values count; shorter lists are padded on
    the left."""

    PREPARED: ClassVar = IdsPart.PREPARED | {"length", "separator"}

    kind: Literal["sequence"] = "sequence"
    length: Count
    """The number of values."""
    separator: Separator = " "
    """What separates the values if the column holds text."""
    combine: Literal["concat", "mean", "sum", "max", "lstm", "gru", "attention"] = "concat"
    """How the vectors of the values are combined into one."""
    units: Count | None = None
    """The width of an LSTM or a GRU."""
    attention_heads: Count = 1
    """The number of attention heads."""

    def keys(self, name: str) -> dict[str, Key]:
        """The last value."""
        return {"last": Key(name, self.vocabulary, position=-1)}

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
