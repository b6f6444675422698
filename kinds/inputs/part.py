"""The settings that all inputs have, and what an input tells the stages. Pydantic only."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kinds.settings import Column, Part


@dataclass(frozen=True)
class Lookup:
    """The embedding table in which an input looks its ids up.

    The ids are those of a `vocabulary`, then one for all other values and one for missing ones;
    without a vocabulary the input makes ids of its own, `rows` of them. `through` is the shared
    block that the vectors go through.
    """

    table: str
    width: int
    vocabulary: str | None = None
    rows: int | None = None
    through: str | None = None


@dataclass(frozen=True)
class Key:
    """An id of each row that an input offers to whatever goes by ids, such as a cross.

    The examples hold it as `feature`, where that is a list, at `position`: -1 is the last. The ids
    from 0 on are those of the values of a `vocabulary`, or `count` of them; unknown and missing
    values have greater ids, and an empty list has none. A feature without room for such an id has
    another one beside it, `missing`, that is 1 where the value is missing.
    """

    feature: str
    vocabulary: str | None = None
    count: int | None = None
    position: int | None = None
    missing: str | None = None

    def size(self, entries: Mapping[str, int]) -> int:
        """How many values have an id. `entries` is the number of values of each vocabulary."""
        return self.count or entries[self.vocabulary or ""]


MOST_PAIRS = 2**63 - 1
"""How many pairs there may be: each is a code of int64."""


@dataclass(frozen=True)
class Pairs:
    """The pairs, or triples, of the ids that inputs offer, which an input is made of: the names of
    those ids, and the vocabulary that the pairs which occur become, with its `size` and
    `min_count`."""

    of: tuple[str, ...]
    vocabulary: str
    size: int
    min_count: int


class InputPart(Part):
    """An input of a spec."""

    PREPARED: ClassVar[frozenset[str]]
    """The settings that prepare depends on."""

    kind: str
    column: Column | None = None
    """The column of the rows; by default the name of the input."""
    network: bool = True
    """`false` keeps the input from the network, which then reads only what is made of it: a cross.
    """

    def columns(self, name: str) -> tuple[str, ...]:
        """The columns of the rows that the input called `name` reads, its own first."""
        return (self.column or name,)

    def keys(self, name: str) -> dict[str, Key]:
        """The ids that the input called `name` offers, by what they are called behind its name:
        "" is `name` itself, "last" is `name.last`. Most kinds offer none."""
        return {}

    def pairs(self, name: str) -> Pairs | None:
        """What the input called `name` pairs; None where it reads columns instead."""
        return None

    @abstractmethod
    def lookup(self, name: str) -> Lookup | None:
        """Where the input called `name` looks ids up; None where it does not."""

    def block(self, name: str) -> tuple[str, int] | None:
        """The shared block that vectors of the input called `name` go through, and the width of
        what goes in."""
        lookup = self.lookup(name)
        return (lookup.through, lookup.width) if lookup and lookup.through else None
