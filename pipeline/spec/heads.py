"""The parts of a spec on the way out: what is predicted."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.spec.values import Column, Count, Name, Part, Positive, Separator, Share


class _Head(Part):
    """What every head has. A row whose target is missing does not count for that head."""

    column: Column | None = None
    """The column of the targets; the head's name where it is not given."""
    weight: Positive = 1.0
    """How much the head counts beside the others."""
    inputs: tuple[Name, ...] = ()
    """The inputs that the head reads; what the trunk makes of all inputs where none is named."""


class _LabelHead(_Head):
    vocabulary: Name
    """The labels."""
    top_k: Count = 10
    """How many labels a score lists where the scorer is not told."""
    tied: Name | None = None
    """An embedding table over the same vocabulary that is the head's weights, too."""


class Classification(_LabelHead):
    """One label of a vocabulary: softmax."""

    kind: Literal["classification"] = "classification"
    label_smoothing: Share = 0.0
    """The share of the target that is spread evenly over all labels."""
    class_weights: dict[str, Positive] | Literal["balanced"] | None = None
    """How much a row of each label counts; `balanced`: all labels together count alike."""


class Multilabel(_LabelHead):
    """Any number of labels of a vocabulary: one sigmoid each."""

    kind: Literal["multilabel"] = "multilabel"
    separator: Separator = " "
    """What stands between the labels where the column holds text."""


class Binary(_Head):
    """Yes or no: one sigmoid."""

    kind: Literal["binary"] = "binary"
    class_weights: dict[Literal["0", "1"], Positive] | Literal["balanced"] | None = None
    """How much a row of each answer counts; `balanced`: both together count alike."""


class Regression(_Head):
    """A number: predicted standardised, or its logarithm is, and given back in its own unit."""

    kind: Literal["regression"] = "regression"
    scale: Literal["standard", "log", "none"] = "standard"
    """What is predicted: the standardised number, its standardised logarithm, or as it stands."""


class Counts(_Head):
    """A count: Poisson, with a logarithmic link."""

    kind: Literal["count"] = "count"


Head = Annotated[
    Classification | Multilabel | Binary | Regression | Counts, Field(discriminator="kind")
]
