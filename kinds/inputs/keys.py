"""Keys: ids of an input by which a memory or a cross tells rows apart. Standard library only."""

from dataclasses import dataclass

# No id.
NONE = -1


@dataclass(frozen=True)
class Key:
    """One id a row, from 0 to `ids` - 1: that of a feature of the examples.

    `place` counts from the end of a row's list, 1 for its last element; None where the feature is
    one value a row. Where the list is shorter, the id is `missing`; so it is where the feature
    `missing_flag` is 1. The id `unknown` stands for values of which nothing is known. With one id
    there is nothing to tell rows apart by: it is 0, whatever the feature has.
    """

    feature: str
    ids: int
    unknown: int = NONE
    missing: int = NONE
    place: int | None = None
    missing_flag: str | None = None

    @property
    def values(self) -> int:
        """How many values have an id; those of unknown and missing ones are the last."""
        return self.ids - (self.unknown != NONE) - (self.missing != NONE)
