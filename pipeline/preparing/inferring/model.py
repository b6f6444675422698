"""A model that fits the rows: which columns share a vocabulary, how large each is, what is tied.

Widths, layers and how long to train are left to `training: auto`, which tries some.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from kinds.looks import names
from kinds.looks.counted import Counted
from pipeline.preparing.inferring import relations
from pipeline.preparing.inferring.parts import Part, Roles

# Numbers in the exported file, four bytes each: what vocabularies may take of it, with vectors as
# long as they usually are before the trunk and behind it.
_MOST_NUMBERS = 100_000_000
_WIDTH, _UNITS = 50, 128
# From so large a share of new values on, those that occur once stand for them; where only numbers
# are predicted, from a larger one on: there a value's one row says more than what it stands for.
_NEW, _NEW_BESIDE_NUMBERS = 0.002, 0.2
_FEW_VALUES = 100


@dataclass(eq=False)
class Vocabulary:
    """Values of some parts, which are looked up in one place."""

    name: str
    parts: list[Part]
    size: int = 0
    min_count: int = 1
    counted: list[Part] = field(default_factory=list)
    said: str = ""

    @property
    def largest(self) -> Counted:
        return max((part.values for part in self.parts), key=lambda of: of.distinct)

    def entries(self) -> int:
        """About how many values get an id."""
        of = self.largest
        return min(self.size, of.distinct - (of.once if self.min_count > 1 else 0))


@dataclass
class Model:
    """What stands in a spec beside the columns."""

    vocabularies: list[Vocabulary]
    # The table that a head takes its weights from.
    tied: dict[Part, str]

    def by_part(self) -> dict[Part, Vocabulary]:
        return {part: one for one in self.vocabularies for part in one.parts}


def model_for(roles: Roles) -> Model:
    vocabularies = _vocabularies(roles)
    for one in vocabularies:
        _sized(one, roles)
    _bound(vocabularies, roles)
    tied: dict[Part, str] = {}
    for one in vocabularies:
        if any(_holds_labels(part) for part in one.parts):
            tied |= {part: one.name for part in one.parts if part in roles.heads}
    return Model(vocabularies, tied)


def _holds_labels(part: Part) -> bool:
    return part.column.holds_target or part.column.followed


def _vocabularies(roles: Roles) -> list[Vocabulary]:
    """One for each part that looks values up; columns over the same values have one together."""
    every = [*roles.inputs, *roles.heads]
    parts = [p for p in every if "vocabulary" in p.look.settings and not p.look.of_next]
    by_column = {part.column: part for part in parts}
    # The same small numbers are counts of different things.
    groups = relations.shared({p.column: p.values for p in parts if not p.column.each})
    found: list[Vocabulary] = []
    for group in groups:
        own = [by_column[column] for column in group]
        found.append(Vocabulary(_name([c.name for c in group], parts), own))
    grouped = {part for one in found for part in one.parts}
    single = [Vocabulary(part.column.name, [part]) for part in parts if part not in grouped]
    for head in (part for part in roles.heads if part.look.of_next):
        own_list = next(part for part in roles.inputs if part.column.followed)
        next(one for one in [*found, *single] if own_list in one.parts).parts.append(head)
    place = {part: at for at, part in enumerate(parts)}
    return sorted(found + single, key=lambda one: place[one.parts[0]])


def _name(columns: Sequence[str], parts: Sequence[Part]) -> str:
    """What the names of columns over the same values have in common, or the first of them."""
    common = set.intersection(*({*names.words(column)} for column in columns))
    words = [w for w in names.words(columns[0]) if w in common - names.IDS and not w.isdigit()]
    name = "_".join(words)
    taken = {part.column.name for part in parts}.difference(columns)
    return columns[0] if not name or name in taken or not name.isidentifier() else name


def _sized(one: Vocabulary, roles: Roles) -> None:
    head = next((part for part in one.parts if part in roles.heads), None)
    of = one.largest
    inputs = [part for part in one.parts if part in roles.inputs]
    if head is not None and len(one.parts) > 1:
        one.counted = _counted(head, inputs)
    decides = head.values if head is not None and one.counted else of
    has_labels = any("vocabulary" in part.look.settings for part in roles.heads)
    new = _NEW if has_labels else _NEW_BESIDE_NUMBERS
    if decides.new >= new and of.distinct > _FEW_VALUES:
        one.min_count = 2
    else:
        one.counted = []
    one.size = _round(of.distinct)
    one.said = _said(one)


def _counted(head: Part, inputs: Sequence[Part]) -> list[Part]:
    """The head alone, where its labels are nearly all values of the inputs: then the values that
    occur once are those that it hardly learns."""
    lists = any(map(_holds_labels, inputs))
    return [head] if lists and relations.covers(head.values, inputs[0].values, 0.9) else []


def _said(one: Vocabulary) -> str:
    of = one.largest
    said = (
        f"{of.distinct:,} value{'s' * (of.distinct != 1)}"
        if not of.lost
        else f"more than {of.distinct:,} values"
    )
    if len({part.column.name for part in one.parts}) > 1:
        shared = ", ".join(part.column.name for part in one.parts)
        said += f" at most; {shared} have most of theirs in common"
    if one.min_count > 1:
        new = max(part.values.new for part in (one.counted or one.parts))
        said += f"; {new:.1%} of what comes is new: values seen once stand for it"
    return said


def _round(count: int) -> int:
    """
    >>> [_round(count) for count in (3, 100, 101, 3418, 20_033)]
    [100, 100, 200, 5000, 50000]
    """
    size = 100
    for step in (2, 2.5, 2) * 6:
        if size >= count:
            break
        size = int(size * step)
    return size


def _bound(vocabularies: Sequence[Vocabulary], roles: Roles) -> None:
    """Takes values from the largest vocabularies where the file would be too large."""

    def numbers(one: Vocabulary) -> int:
        heads = sum(part in roles.heads for part in one.parts)
        tables = any(part in roles.inputs for part in one.parts)
        return one.entries() * (_WIDTH * tables + _UNITS * heads)

    while sum(map(numbers, vocabularies)) > _MOST_NUMBERS:
        one = max(vocabularies, key=numbers)
        one.size = one.entries() // 2
        one.said += f"; {one.size:,} of them, so that the file stays below 400 MB"
