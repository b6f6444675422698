"""The settings of a multilabel head."""

from typing import Any, ClassVar, Literal

from kinds.heads.labels.spec import LabelsPart
from kinds.heads.part import Labels
from kinds.settings import Name, Separator


class Multilabel(LabelsPart):
    """Any number of labels of a vocabulary, by a sigmoid for each. A score lists the likeliest
    labels in `<head>.labels`, best first, and the probability of each in `<head>.scores`."""

    PREPARED: ClassVar = LabelsPart.PREPARED | {"separator"}
    METRICS: ClassVar = (
        *("log_loss", "precision@1", "precision@5", "precision@10"),
        *("recall@1", "recall@5", "recall@10", "ndcg@5", "ndcg@10"),
    )

    kind: Literal["multilabel"] = "multilabel"
    separator: Separator = " "
    """What separates the labels if the column holds text."""
    memory: tuple[Name, ...] = ()
    """The counted memories that it mixes with the network, those that know most first."""

    def labels(self) -> Labels:
        return Labels(self.vocabulary, self.top_k, self.tied, self.label_vectors, several=True)

    def memories(self) -> tuple[Name, ...]:
        return self.memory

    def in_file(self) -> dict[str, Any]:
        return {"memory": list(self.memory)} if self.memory else {}
