"""What a spec asks of the columns: one typed field for each use, no column read twice in one type.

Shared by prepare and export. Needs pipeline.spec and kinds.columns only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kinds.columns import Field
from kinds.heads.multilabel.spec import Multilabel
from kinds.inputs.number.spec import Number
from kinds.inputs.sequence.spec import Sequence as SequenceInput
from pipeline import spec as specs

_HEAD_KINDS = {
    "classification": "text",
    "multilabel": "list",
    "binary": "flag",
    "regression": "number",
    "count": "number",
}


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


def fields_of(spec: specs.Spec) -> Fields:
    """The fields that a spec needs.

    A column that is needed in two types (a number that is also a key) gives two fields. The first
    use, inputs before heads before keys, has the column's own name; the other is `column:kind`.
    """
    named = _Names()
    inputs = {name: named(_input(spec, name)) for name in spec.inputs}
    heads = {name: named(_head(spec, name)) for name in spec.heads}
    weight = None
    if spec.weight is not None:
        weight = named(Field(spec.weight, "number", required=True, nonnegative=True))
    keys = {column: named(Field(column, "text")) for column in spec.keys}
    split = {column: named(Field(column, "text")) for column in _split_columns(spec.split)}
    return Fields(inputs, heads, keys, split, weight)


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


def _input(spec: specs.Spec, name: str) -> Field:
    part, column = spec.inputs[name], spec.input_column(name)
    if isinstance(part, SequenceInput):
        return Field(column, "list", separator=part.separator)
    if isinstance(part, Number):
        return Field(column, "number", required=part.missing == "reject")
    return Field(column, "text")


def _head(spec: specs.Spec, name: str) -> Field:
    head, column = spec.heads[name], spec.head_column(name)
    kind = _HEAD_KINDS[head.kind]
    separator = head.separator if isinstance(head, Multilabel) else " "
    return Field(column, kind, separator=separator, nonnegative=head.kind == "count")  # type: ignore[arg-type]


def _split_columns(split: specs.Split) -> tuple[str, ...]:
    if isinstance(split, specs.HashSplit):
        return split.columns
    return (split.column,) if isinstance(split, specs.ColumnSplit) else ()
