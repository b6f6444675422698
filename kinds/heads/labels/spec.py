"""The settings of a head that predicts labels of a vocabulary."""

from typing import Any, ClassVar

from kinds.heads.part import HeadPart, Labels, LabelVectors
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
    label_vectors: LabelVectors = "own"
    """What a label's weights are: a vector of its `own`; the sum of what its `features` say, which
    `label_features` names; or `both` together, where the own one says what the features do not."""

    def labels(self) -> Labels:
        return Labels(self.vocabulary, self.top_k, self.tied, self.label_vectors)

    def in_file(self) -> dict[str, Any]:
        return {}
