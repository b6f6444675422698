"""The settings of a number."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.inputs.part import InputPart, Lookup
from kinds.settings import Count

# A standardised number is cut at this many deviations from the mean, so that one broken cell can
# neither drown the rest of its row nor make the scores of the row overflow.
LIMIT = 100.0


class Number(InputPart):
    """A number: standardised, its logarithm standardised, or cut at quantiles and embedded.

    A missing one becomes `missing` (the mean where that is not given) and sets a flag beside it;
    with `missing: reject` it is a bad row instead, and there is no flag. What is standardised is
    cut at 100 deviations.
    """

    PREPARED: ClassVar = frozenset({"kind", "scale", "buckets", "missing"})

    kind: Literal["number"] = "number"
    scale: Literal["standard", "log", "buckets", "none"] = "standard"
    """What is done to the number."""
    buckets: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """How many intervals of equally many rows, for `scale: buckets`."""
    embedding: Count | None = None
    """How many numbers each interval has of its own, for `scale: buckets`."""
    missing: float | Literal["reject"] | None = None
    """What a missing number becomes."""

    @model_validator(mode="after")
    def _buckets_have_an_embedding(self) -> Self:
        if (self.scale == "buckets") != (self.buckets is not None):
            raise ValueError("`scale: buckets` and the number of `buckets` go together")
        if (self.scale == "buckets") != (self.embedding is not None):
            raise ValueError("`scale: buckets` and the size of its `embedding` go together")
        return self

    def lookup(self, name: str) -> Lookup | None:
        if self.buckets is None or self.embedding is None:
            return None
        return Lookup(f"{name}.buckets", self.embedding, rows=self.buckets + 1)
