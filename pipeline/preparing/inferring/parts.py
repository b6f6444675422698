"""Columns as parts of a spec: what each is for, and why."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from kinds.heads import show as heads
from kinds.inputs import show as inputs
from kinds.looks.column import Column
from kinds.looks.counted import Counted
from kinds.looks.look import Look
from pipeline.preparing.inferring import sides
from pipeline.preparing.inferring.sample import Sample


@dataclass(frozen=True, eq=False)
class Part:
    """A column as an input or a head: the kind, and why. `called` is what a head is called whose
    column is an input, too."""

    column: Column
    kind: str
    look: Look
    why: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        return self.called or self.column.name

    @property
    def values(self) -> Counted:
        """What a vocabulary of it has: the values, or the elements that they are made of."""
        return self.column.elements if self.look.of_elements else self.column.counted


@dataclass
class Roles:
    """What each column is for."""

    sample: Sample
    heads: list[Part] = field(default_factory=list)
    inputs: list[Part] = field(default_factory=list)
    keys: list[Column] = field(default_factory=list)
    keys_why: str = ""
    held: sides.Held | None = None
    split: sides.Split | None = None
    # By the names of columns, why each goes into no part.
    left_out: dict[str, str] = field(default_factory=dict)
    # And why an input should perhaps not be one.
    doubts: dict[str, str] = field(default_factory=dict)

    @property
    def missing_words(self) -> list[str]:
        """What cells hold where there is no number, day or time."""
        parts = [*self.inputs, *self.heads]
        return [*dict.fromkeys(word for part in parts for word in part.look.missing_words)]


def best_look(kinds: Mapping[str, inputs.Show | heads.Show], column: Column) -> tuple[str, Look]:
    """The kind that takes a column most surely, and its look."""
    looks = {kind: look for kind, of in kinds.items() if (look := of.could_be(column)) is not None}
    if not looks:
        return "", Look(0.0, "no kind takes it")
    return max(looks.items(), key=lambda item: item[1].sure)


def free_name(name: str, taken: Set[str]) -> str:
    """The name, or with marks behind it one that is not taken."""
    while name in taken:
        name += "_"
    return name
