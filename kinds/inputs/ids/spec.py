"""The settings of an input that looks its values up in a vocabulary."""

from collections.abc import Mapping
from typing import ClassVar

from kinds.inputs.ids.numbering import id_count, missing_id, unknown_id
from kinds.inputs.keys import Key
from kinds.inputs.part import InputPart, Lookup
from kinds.settings import Count, Name


class IdsPart(InputPart):
    """An input with a vocabulary and an embedding table over it."""

    PREPARED: ClassVar = frozenset({"kind", "vocabulary"})

    vocabulary: Name
    """The vocabulary that gives the values their ids."""
    embedding: Count = 50
    """The size of the embedding of each id."""
    table: Name | None = None
    """The name of the embedding table. Inputs over the same vocabulary share one by default."""
    through: Name | None = None
    """The shared block that the embedding goes through."""

    def lookup(self, name: str) -> Lookup:
        table = self.table or self.vocabulary
        return Lookup(table, self.embedding, self.vocabulary, through=self.through)

    def key(self, name: str, entries: Mapping[str, int], place: int | None = None) -> Key:
        size = entries[self.vocabulary]
        return Key(name, id_count(size), unknown_id(size), missing_id(size), place)
