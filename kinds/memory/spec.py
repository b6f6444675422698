"""The settings of a counted memory. Pydantic only."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from kinds.settings import Count, Part

KeyName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[a-z0-9_]+)?$", max_length=128)
]


class Memory(Part):
    """What the training rows say of a value, or of values that occur together: how often each label
    comes with it. A head mixes what its memories say with what the network says."""

    PREPARED: ClassVar = frozenset({"of", "labels", "min_count", "reach"})

    of: tuple[KeyName, ...] = Field(max_length=8)
    """The inputs whose values are counted together. `items.last` is the last value of a sequence,
    `items.last2` the one before it, `when.month` a part of a date. `[]` counts all rows together:
    how frequent each label is, and how often one comes that no other row has."""
    labels: Count = 64
    """How many labels are kept for each value, the most frequent ones."""
    min_count: Count = 1
    """Values that occur in fewer training rows are not kept."""
    reach: Count = 1
    """For the last value of a sequence alone: a label counts for this many of the last values,
    fully for the last one, .7 times as much for the one before it, and so on."""

    @model_validator(mode="after")
    def _counted_once(self) -> Self:
        if len(set(self.of)) != len(self.of):
            raise ValueError("`of` must not name an input twice")
        return self
