"""The settings of a number."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kinds.inputs.keys import Key
from kinds.inputs.part import InputPart, Lookup
from kinds.number_format import NumberFormat
from kinds.settings import Count, Single

# A standardised number is cut at this many deviations from the mean, so that one broken cell can
# neither drown the rest of its row nor make the scores of the row overflow.
LIMIT = 100.0
# Two cuts that no number reaches.
_NO_CUTS = (1e38, 2e38)


class Number(InputPart):
    """A number: standardised, its logarithm standardised, or cut at quantiles and embedded.

    A missing number is replaced by `missing`, by default the mean, and a second feature says that
    it was missing. With `missing: reject` the row is bad instead, and there is no such feature.
    Standardised numbers are clipped at 100 standard deviations.

    With `pieces` the network also reads ramps, each of which rises from 0 to 1 between two
    quantiles of the number: so what it makes of the number can bend at every quantile. (Gorishniy,
    Rubachev and Babenko 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    section 3.2.)
    """

    PREPARED: ClassVar = frozenset({"kind", "format", "scale", "buckets", "pieces", "missing"})

    kind: Literal["number"] = "number"
    format: NumberFormat = NumberFormat()
    """How the cells of text are written."""
    scale: Literal["standard", "log", "buckets", "none"] = "standard"
    """How the number is scaled."""
    buckets: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """The number of intervals, each with as many rows, for `scale: buckets`."""
    embedding: Count | None = None
    """The size of the embedding of each interval, for `scale: buckets`."""
    pieces: Annotated[int, Field(ge=3, le=1_000)] | None = None
    """The number of pieces, each with as many rows, that the line is cut into beside the number.
    The first and the last have no ramp."""
    missing: Single | Literal["reject"] | None = None
    """What replaces a missing number."""

    @model_validator(mode="after")
    def _buckets_have_an_embedding(self) -> Self:
        if (self.scale == "buckets") != (self.buckets is not None):
            raise ValueError("`scale: buckets` and the number of `buckets` go together")
        if (self.scale == "buckets") != (self.embedding is not None):
            raise ValueError("`scale: buckets` and the size of its `embedding` go together")
        return self

    @model_validator(mode="after")
    def _pieces_stand_beside_a_number(self) -> Self:
        if self.buckets is not None and self.pieces is not None:
            raise ValueError("`pieces` does not go with `scale: buckets`")
        return self

    @property
    def ramps(self) -> int:
        return 0 if self.pieces is None else self.pieces - 2

    @property
    def says_missing(self) -> bool:
        """Whether a second feature says where the number is missing."""
        return self.buckets is None and self.missing != "reject"

    def lookup(self, name: str) -> Lookup | None:
        if self.buckets is None or self.embedding is None:
            return None
        return Lookup(f"{name}.buckets", self.embedding, rows=self.buckets + 1)

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """The bucket; missing numbers have one of their own."""
        if self.buckets is None:
            return {}
        return {"": Key(name, self.buckets + 1, missing=self.buckets)}


def cuts_of(boundaries: Any) -> list[float]:
    """The cuts between pieces; where rows have none or one, no number has a place but 0."""
    return list(boundaries if len(boundaries) > 1 else _NO_CUTS)
