"""The settings of a counted memory."""

from typing import ClassVar

from kinds.settings import Count, Name, Part


class Memory(Part):
    """What the training rows say of a value, or of values that occur together."""

    PREPARED: ClassVar = frozenset({"of", "labels", "min_count", "reach"})

    of: tuple[Name, ...]
    """The inputs whose values are counted together. `items.last` is the last value of a sequence,
    `when.month` a part of a date."""
    labels: Count = 64
    """How many labels are kept for each value, the most frequent ones."""
    min_count: Count = 1
    """Values with fewer rows are not kept."""
    reach: Count = 1
    """How many of the last values of a sequence a label is counted for."""
