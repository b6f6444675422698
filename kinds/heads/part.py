"""The settings that all heads have, and what a head tells the stages. Pydantic only."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from kinds.settings import Column, Name, Part, Positive

# From the mean of targets to the scale of the network's outputs.
Link = Literal["identity", "log", "logit"]

# Of a label's weights: those of its own, those of its features, or their sum.
LabelVectors = Literal["own", "features", "both"]


@dataclass(frozen=True)
class Labels:
    """The labels that a head chooses from: those of a `vocabulary`.

    `top_k` is how many a score lists by default, `tied` the embedding table over the same
    vocabulary that is also used as the head's weights. `vectors`: what a label's weights are made
    of. `several`: whether a row may have several.
    """

    vocabulary: str
    top_k: int
    tied: str | None
    vectors: LabelVectors = "own"
    several: bool = False


class HeadPart(Part):
    """A head of a spec. A row whose target is missing does not count for that head."""

    PREPARED: ClassVar[frozenset[str]]
    """The settings that prepare depends on."""
    RESULTS: ClassVar[tuple[str, ...]]
    """What its results are called behind the head's name and a dot."""
    METRICS: ClassVar[tuple[str, ...]]
    """What `select` may name: metrics of held-out rows (kinds.heads.metrics)."""

    kind: str
    column: Column | None = None
    """The column of the targets; by default the name of the head."""
    weight: Positive = 1.0
    """How much the head counts in the loss."""
    inputs: tuple[Name, ...] = ()
    """The inputs that the head reads; by default it reads the output of the trunk."""

    select: str | None = None
    """The metric of this head that epochs are judged by, on the held-out rows: the weights of the
    epoch where it is best are kept, and `patience` waits for a better one. By default that is the
    loss of all heads. Only one head may have it."""

    @field_validator("select")
    @classmethod
    def _is_measured(cls, said: str | None) -> str | None:
        if said is not None and said not in cls.METRICS:
            raise ValueError(f"must be one of {', '.join(cls.METRICS)}")
        return said

    def results(self, name: str) -> list[str]:
        """The columns of the results of the head called `name`."""
        return [f"{name}.{result}" for result in self.RESULTS]

    def memories(self) -> tuple[Name, ...]:
        """The counted memories that the head uses, of labels the first to be asked first; none,
        unless its kind has a setting for them."""
        return ()

    def counts_otherwise(self) -> str | None:
        """The setting that lets labels count as no memory counts them; None without one."""
        return None

    @abstractmethod
    def labels(self) -> Labels | None:
        """What the head chooses from; None where it predicts no label."""

    def named_labels(self) -> tuple[str, ...]:
        """The labels that its settings name."""
        return ()

    def follows(self) -> str | None:
        """The input of whose list it predicts the next element, at every place of it in training;
        None where its targets are a column of the rows."""
        return None

    def leaves_out(self) -> Column | None:
        """The column of the labels that `filtered_...` metrics leave out; None without one."""
        return None

    def link(self) -> Link | None:
        """The scale on which the network adds up what the targets' mean says; None where the
        targets have no mean."""
        return None

    @abstractmethod
    def in_file(self) -> dict[str, Any]:
        """The settings that go into the exported file, as JSON has them: what metrics, the scorer
        and the page must know of the head beside its labels."""

    def aim(self) -> Any:
        """What the head's threshold is to reach; None where it has none."""
        return None

    def check(self, place: str, training: Any) -> None:
        """Raises ValueError where the head does not go with how the weights are learned."""
