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
    """The name of an embedding table over the same vocabulary, whose vectors are then the head's
    weights, too. A table is called like its vocabulary, unless its inputs set `table`."""
    label_vectors: LabelVectors = "own"
    """What a label's weights are made of: a vector of its `own`; its `features`, the columns in
    `label_features`; or `both`, where its own vector learns what the features do not say."""

    def labels(self) -> Labels:
        return Labels(self.vocabulary, self.top_k, self.tied, self.label_vectors)

    def in_file(self) -> dict[str, Any]:
        return {}
