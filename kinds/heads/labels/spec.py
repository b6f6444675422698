"""The settings of a head that predicts labels of a vocabulary."""

from typing import Any, ClassVar

from kinds.heads.part import HeadPart, Labels
from kinds.settings import Count, Name


class LabelsPart(HeadPart):
    """A head over a vocabulary of labels."""

    PREPARED: ClassVar = frozenset({"kind", "vocabulary"})
    RESULTS: ClassVar = ("labels", "scores")

    vocabulary: Name
    """The labels."""
    top_k: Count = 10
    """How many labels a score lists by default."""
    tied: Name | None = None
    """An embedding table over the same vocabulary, to be used as the head's weights, too."""

    def labels(self) -> Labels:
        return Labels(self.vocabulary, self.top_k, self.tied)

    def in_file(self) -> dict[str, Any]:
        return {}
