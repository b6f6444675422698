"""The settings of a cross."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from kinds.inputs.ids.numbering import id_count, missing_id, unknown_id
from kinds.inputs.keys import Key
from kinds.inputs.part import InputPart, Lookup, Pairs
from kinds.settings import Column, Count, Name

KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[a-z0-9_]+)?$")]


class Cross(InputPart):
    """Pairs of the values of two other inputs, or triples of three: each pair that occurs often
    enough has an id and a vector of its own, so that the network need not work out what the two
    mean together. All rare pairs, and all with an unknown or a missing value, share one more id.

    Whatever has one id a row can be crossed: a category, a flag, a number with `scale: buckets`,
    the last value of a sequence (`items.last`), a part of a date (`when.month`). For example
    `maker_month: {kind: cross, of: [maker, when.month]}`. If the network should read an input only
    in a cross, leave it out of the `inputs` of the trunk.
    """

    PREPARED: ClassVar = frozenset({"kind", "of", "size", "min_count"})

    kind: Literal["cross"] = "cross"
    column: Column | None = None
    """Left out: a cross reads no column of its own."""
    of: Annotated[tuple[KeyName, ...], Field(min_length=2, max_length=3)]
    """The two or three inputs."""
    size: Count = 10_000
    """The maximum number of pairs that get an id, the most frequent first."""
    min_count: Count = 2
    """How often a pair must occur in the training rows to get an id."""
    embedding: Count = 50
    """The size of the embedding of each pair."""
    through: Name | None = None
    """The shared block that the embedding goes through."""

    @model_validator(mode="after")
    def _different_and_without_a_column(self) -> Self:
        if len(set(self.of)) < len(self.of):
            raise ValueError(f"`of` must name different inputs, not {list(self.of)}")
        if self.column is not None:
            raise ValueError("a cross is made of other inputs: leave out `column`")
        return self

    def columns(self, name: str) -> tuple[str, ...]:
        return ()

    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        size = entries[_vocabulary(name)]
        return {"": Key(name, id_count(size), unknown_id(size), missing_id(size))}

    def pairs(self, name: str) -> Pairs:
        return Pairs(self.of, _vocabulary(name), self.size, self.min_count)

    def lookup(self, name: str) -> Lookup:
        own = _vocabulary(name)
        return Lookup(own, self.embedding, own, through=self.through)


def _vocabulary(name: str) -> str:
    return f"{name}.pairs"
