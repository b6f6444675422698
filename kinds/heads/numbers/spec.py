"""The settings of a head whose target is one number."""

from typing import Any, ClassVar

from kinds.heads.part import HeadPart


class NumberPart(HeadPart):
    """A head whose target is one number."""

    PREPARED: ClassVar = frozenset({"kind"})
    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    def labels(self) -> None:
        return None

    def in_file(self) -> dict[str, Any]:
        return {}
