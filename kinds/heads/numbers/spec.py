"""The settings of a head whose target is one number."""

from typing import Any, ClassVar

from kinds.heads.part import HeadPart, Link
from kinds.number_format import NumberFormat
from kinds.settings import Name


class NumberPart(HeadPart):
    """A head whose target is one number."""

    PREPARED: ClassVar = frozenset({"kind"})
    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    memory: tuple[Name, ...] = ()
    """The counted memories whose averages of the target the network reads: of a training row, those
    of the rows in other folds."""

    def memories(self) -> tuple[Name, ...]:
        return self.memory

    def link(self) -> Link:
        return "identity"

    def labels(self) -> None:
        return None

    def in_file(self) -> dict[str, Any]:
        return {}


class MeasuredPart(NumberPart):
    """A head whose target is a number of any size."""

    PREPARED: ClassVar = NumberPart.PREPARED | {"format"}

    format: NumberFormat = NumberFormat()
    """How the cells of text are written."""
