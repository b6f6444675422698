"""The settings that all inputs have, and what an input tells the stages. Pydantic only."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from kinds.inputs.keys import Key
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
    READS_LIST: ClassVar[bool] = False
    """Whether its column holds lists, each value at a place of its own."""
    READS_WORDS: ClassVar[bool] = False
    """Whether the values of its vocabulary are words of texts, which stay as they are written."""

    kind: str
    column: Column | None = None
    """The column of the rows; by default the name of the input."""

    def columns(self, name: str) -> tuple[str, ...]:
        """The columns of the rows that the input called `name` reads, its own first."""
        return (self.column or name,)

    def places(self) -> int | None:
        """How many of a list's last elements it reads; None where it has no vector of what stands
        before each of them."""
        return None

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

    @abstractmethod
    def keys(self, name: str, entries: Mapping[str, int]) -> dict[str, Key]:
        """What a memory can count by, and a cross can pair: "" is the input's own value, `part`
        is called `name.part`. `entries` is the number of values of each vocabulary."""
