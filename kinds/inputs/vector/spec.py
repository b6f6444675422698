"""The settings of a vector."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from kinds.inputs.keys import Key
from kinds.inputs.numbers.naming import missing_flag
from kinds.inputs.part import InputPart
from kinds.settings import Count, Name, Separator

# A standardised number is cut at this many deviations, as a number of its own is.
LIMIT = 100.0


class VectorInput(InputPart):
    """A list of `width` numbers in each row, such as a vector that another model has made. Lists of
    another length, and of anything but numbers, make the row bad.

    Each of the numbers is standardised by its own mean and deviation, and clipped at 100 standard
    deviations; with `scale: none` they stay as they are. A missing vector is all zeros, and a
    second feature says so. With `missing: reject` the row is bad instead, and there is no such
    feature. For example `photo: {kind: vector, width: 50, scale: none, through: common}`.
    """

    PREPARED: ClassVar = frozenset({"kind", "width", "scale", "separator", "missing"})

    kind: Literal["vector"] = "vector"
    width: Count
    """The number of numbers."""
    scale: Literal["standard", "none"] = "standard"
    """How the numbers are scaled."""
    separator: Separator = " "
    """What separates the numbers if the column holds text that is no JSON."""
    missing: Literal["reject"] | None = None
    """`reject` makes a row without a vector bad."""
    through: Name | None = None
    """The shared block that the vector goes through, if its width is that of the embeddings that
    go through it."""

    @property
    def says_missing(self) -> bool:
        """Whether a second feature says where the vector is missing."""
        return self.missing is None

    def feature_names(self, name: str) -> list[str]:
        return [name, missing_flag(name)] if self.says_missing else [name]

    def lookup(self, name: str) -> None:
        return None

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        return {}

    def block(self, name: str) -> tuple[str, int] | None:
        return None if self.through is None else (self.through, self.width)
