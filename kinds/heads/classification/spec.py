"""The settings of a classification."""

from typing import Any, Literal

from kinds.heads.labels.spec import LabelsPart
from kinds.settings import Positive, Share


class Classification(LabelsPart):
    """One label of a vocabulary, by a softmax. A score lists the likeliest labels in
    `<head>.labels`, best first, and their probabilities in `<head>.scores`."""

    kind: Literal["classification"] = "classification"
    label_smoothing: Share = 0.0
    """The share of the target that is spread evenly over all labels."""
    class_weights: dict[str, Positive] | Literal["balanced"] | None = None
    """How much a row with each label counts; `balanced` gives all labels the same total weight."""

    def check(self, place: str, training: Any) -> None:
        if training.sampled and self.label_smoothing > 0:
            raise ValueError(
                f"{place}: label_smoothing spreads over all classes and does not go with "
                "training.sampled"
            )
