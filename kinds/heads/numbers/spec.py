"""The settings of a head whose target is one number."""

from typing import Any, ClassVar

from kinds.heads.part import HeadPart
from kinds.number_format import NumberFormat


class NumberPart(HeadPart):
    """A head whose target is one number."""

    PREPARED: ClassVar = frozenset({"kind"})
    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    def labels(self) -> None:
        return None

    def in_file(self) -> dict[str, Any]:
        return {}


class MeasuredPart(NumberPart):
    """A head whose target is a number of any size."""

    PREPARED: ClassVar = NumberPart.PREPARED | {"format"}

    format: NumberFormat = NumberFormat()
    """How the cells of text are written."""
