"""What a spec asks of the columns: one typed field for each use, and what is to be learned of it.

No column is read twice in one type. Shared by prepare and export.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kinds.analysis import Analysis
from kinds.columns import Field, Kind, Reading
from kinds.heads.prepare import KINDS as HEADS
from kinds.inputs.prepare import KINDS as INPUTS
from kinds.prepare import Prepare
from pipeline import spec as specs

_COMPARED: Kind = "text"
"""What the columns are that tell rows apart: keys, and those of the split."""


@dataclass(frozen=True)
class Fields:
    """The fields of a spec, by what they are for; the same Field may serve several uses."""

    inputs: dict[str, Field]
    heads: dict[str, Field]
    keys: dict[str, Field]
    split: dict[str, Field]
    weight: Field | None

    def all(self) -> list[Field]:
        """Every field once, in the order of their first use."""
        uses = [*self.inputs.values(), *self.heads.values()]
        uses += [*self.keys.values(), *self.split.values()]
        return list(dict.fromkeys(uses + [self.weight] * (self.weight is not None)))  # type: ignore[list-item]

    def columns(self) -> list[str]:
        return list(dict.fromkeys(field.column for field in self.all()))

    def sampled(self) -> list[Field]:
        """The fields of inputs, keys and heads: what a row that is to be scored has."""
        uses = [*self.inputs.values(), *self.heads.values(), *self.keys.values()]
        return list(dict.fromkeys(uses))

    def read_as(self, readings: Mapping[str, Reading]) -> "Fields":
        """The same columns; `readings` has how each input and head reads them."""
        inputs = {name: _read(field, readings[name]) for name, field in self.inputs.items()}
        heads = {name: _read(field, readings[name]) for name, field in self.heads.items()}
        return replace(self, inputs=inputs, heads=heads)


def fields_of(spec: specs.Spec) -> Fields:
    """The fields that a spec needs.

    A column that is needed in two types (a number that is also a key) gives two fields. The first
    use, inputs before heads before keys, has the column's own name; the other is `column:kind`.
    """
    named, readings = _Names(), _readings(spec)
    inputs = {
        name: named(_read(INPUTS[part.kind].field(part, spec.input_column(name)), readings[name]))
        for name, part in spec.inputs.items()
    }
    heads = {
        name: named(_read(HEADS[part.kind].field(part, spec.head_column(name)), readings[name]))
        for name, part in spec.heads.items()
    }
    weight = None
    if spec.weight is not None:
        weight = named(Field(spec.weight, "number", required=True, nonnegative=True))
    # Whatever compares these takes them as values: they need no field of their own for that.
    texts = {f.column: f for f in [*inputs.values(), *heads.values()] if f.kind == _COMPARED}
    keys = {c: texts.get(c) or named(Field(c, _COMPARED)) for c in spec.keys}
    split = {c: texts.get(c) or named(Field(c, _COMPARED)) for c in _split_columns(spec.split)}
    return Fields(inputs, heads, keys, split, weight)


def kinds_of(spec: specs.Spec) -> dict[str, tuple[Prepare, Any]]:
    """The answers of each input and head, inputs first, and its settings."""
    inputs = {name: (INPUTS[part.kind], part) for name, part in spec.inputs.items()}
    return inputs | {name: (HEADS[part.kind], part) for name, part in spec.heads.items()}


def analyses_of(spec: specs.Spec, fields: Fields) -> dict[str, Analysis]:
    """What is to be learned of each input and head."""
    columns = fields.inputs | fields.heads
    return {n: kind.analysis(part, columns[n]) for n, (kind, part) in kinds_of(spec).items()}


def _readings(spec: specs.Spec) -> dict[str, Reading]:
    """How each input and head reads texts; words, where nobody has said so yet."""
    said, used = spec.readings(), spec.vocabulary_of()
    return {name: said.get(used.get(name, "")) or "words" for name in [*spec.inputs, *spec.heads]}


def _read(field: Field, reading: Reading) -> Field:
    return replace(field, reading=reading)


class _Names:
    """Gives each different field a name of its own."""

    def __init__(self) -> None:
        self._fields: dict[str, Field] = {}

    def __call__(self, field: Field) -> Field:
        for name in _candidates(field):
            taken = self._fields.setdefault(name, field)
            if taken == field:
                return field if name == field.column else replace(field, name=name)
        raise AssertionError("there is always another name")


def _candidates(field: Field) -> Iterator[str]:
    yield field.column
    yield f"{field.column}:{field.kind}"
    number = 2
    while True:
        yield f"{field.column}:{field.kind}{number}"
        number += 1


def _split_columns(split: specs.Split) -> tuple[str, ...]:
    if isinstance(split, specs.HashSplit):
        return split.columns
    return (split.column,) if isinstance(split, specs.ColumnSplit) else ()
