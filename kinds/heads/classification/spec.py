"""The settings of a classification."""

from typing import Any, ClassVar, Literal

from kinds.heads.labels.numbering import FILTERED
from kinds.heads.labels.spec import LabelsPart
from kinds.settings import Column, Name, Positive, Share


class Classification(LabelsPart):
    """One label of a vocabulary, by a softmax. A score lists the likeliest labels in
    `<head>.labels`, best first, and their probabilities in `<head>.scores`."""

    METRICS: ClassVar = (
        *("log_loss", "accuracy@1", "accuracy@5", "accuracy@10", "ndcg@5", "ndcg@10"),
        "mean_reciprocal_rank",
        *(f"{FILTERED}accuracy@{cut}" for cut in (1, 5, 10)),
        *(f"{FILTERED}ndcg@{cut}" for cut in (5, 10)),
        f"{FILTERED}mean_reciprocal_rank",
    )

    kind: Literal["classification"] = "classification"
    next_of: Name | None = None
    """A sequence, over the same vocabulary, whose next element it predicts. The list itself has the
    targets: every element but the first trains it. Where scores are evaluated, `column` has what
    came next."""
    filtered: Column | None = None
    """A column of lists of labels that the metrics called `filtered_...` leave out: answers of the
    same question that are known to be right, too, or what somebody has. The row's own target is
    never left out."""
    label_smoothing: Share = 0.0
    """The share of the target that is spread evenly over all labels."""
    class_weights: dict[str, Positive] | Literal["balanced"] | None = None
    """How much a row with each label counts; `balanced` gives all labels the same total weight."""

    memory: tuple[Name, ...] = ()
    """The counted memories that it mixes with the network, those that know most first: where one
    does not know a row's value, the next is asked, and the network last."""

    def named_labels(self) -> tuple[str, ...]:
        return tuple(self.class_weights) if isinstance(self.class_weights, dict) else ()

    def follows(self) -> str | None:
        return self.next_of

    def memories(self) -> tuple[Name, ...]:
        return self.memory

    def counts_otherwise(self) -> str | None:
        settings = ("label_smoothing", "class_weights")
        return next((one for one in settings if getattr(self, one)), None)

    def leaves_out(self) -> Column | None:
        return self.filtered

    def in_file(self) -> dict[str, Any]:
        memory = {"memory": list(self.memory)} if self.memory else {}
        return memory | ({"filtered": self.filtered} if self.filtered else {})

    def check(self, place: str, training: Any) -> None:
        if self.select and self.select.startswith(FILTERED) and not self.filtered:
            raise ValueError(f"{place}.select: {self.select} needs `filtered`, a column of labels")
        if self.memory and (setting := self.counts_otherwise()):
            raise ValueError(
                f"{place}: {setting} changes how labels count and does not go with `memory`, "
                "which counts them as they are"
            )
