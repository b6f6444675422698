"""The settings of a head whose target is one number."""

from typing import ClassVar

from kinds.heads.part import HeadPart


class NumberPart(HeadPart):
    """A head whose target is one number."""

    PREPARED: ClassVar = frozenset({"kind"})
    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    def labels(self) -> None:
        return None
