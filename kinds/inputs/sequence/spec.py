"""The settings of a sequence."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from kinds.inputs.several.spec import SeveralPart
from kinds.settings import Column, Separator

# A weight counts up to here, so that one broken cell does not make the scores of its row overflow.
MOST_WEIGHT = 1e6


class Sequence(SeveralPart):
    """A list of values of a vocabulary. The last `length` values count; shorter lists are padded on
    the left.

    Values may have weights: in another column, as a list of the same length (`weights`), or behind
    each value, as in `milk:2 bread:0.5` (`weight_separator: ":"`). A mean is then the sum of the
    weighted vectors divided by the sum of the weights, or 0 if all weights are 0. The row is bad if
    the two lists differ in length, or if a weight is missing, is no number or is below 0; for
    values that count against something use a second sequence. A weight above 1,000,000 counts as
    1,000,000.
    """

    PREPARED: ClassVar = SeveralPart.PREPARED | {"weight_separator"}

    READS_LIST: ClassVar = True

    kind: Literal["sequence"] = "sequence"
    separator: Separator = " "
    """What separates the values if the column holds text."""
    weights: Column | None = None
    """The column with a weight for each value, for `combine: mean` and `combine: sum`."""
    weight_separator: Separator | None = None
    """What stands between a value and its weight where one text has both; the last one in a text
    counts."""

    @model_validator(mode="after")
    def _weights_where_they_mean_something(self) -> Self:
        if self.is_weighted and self.combine not in ("mean", "sum"):
            said = "`weights` go" if self.weights else "`weight_separator` goes"
            raise ValueError(f"{said} with `combine: mean` or `combine: sum` only")
        if self.weights is not None and self.weight_separator is not None:
            raise ValueError("weights are in `weights` or behind a `weight_separator`, not in both")
        if self.weight_separator is not None and self.separator in self.weight_separator:
            raise ValueError("`weight_separator` must not hold the `separator` between values")
        return self

    @property
    def is_weighted(self) -> bool:
        return self.weights is not None or self.weight_separator is not None

    def places(self) -> int | None:
        return None if self.is_weighted else self.length

    def columns(self, name: str) -> tuple[str, ...]:
        own = super().columns(name)
        return own if self.weights is None else (*own, self.weights)
