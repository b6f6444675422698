"""What a spec asks of the columns: one typed field for each use, and what is to be learned of it.

No column is read twice in one type. Shared by prepare and export.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kinds.analysis import Analysis
from kinds.columns import Field, Kind, Reading
from kinds.columns.next_elements import NextElements
from kinds.heads.prepare import KINDS as HEADS
from kinds.inputs.prepare import KINDS as INPUTS
from kinds.prepare import Prepare
from pipeline import spec as specs
from pipeline.sides import SIDES, Split
from pipeline.sides.times import time_field

_COMPARED: Kind = "text"
"""What the columns are that tell rows apart: keys, and those of the split."""


def later_inputs(spec: specs.Spec) -> list[str]:
    """The inputs that say when a row was, where rows are held out by that."""
    split = Split.of(spec.split.model_dump(mode="json"))
    return [name for name in spec.inputs if split.says_when(spec.input_columns(name))]


def named(column: str) -> str:
    """A column's name for a list of such: in quotes where it would not be seen as one.

    >>> [named(name) for name in ("city", "", "a, b", " x")]
    ['city', "''", "'a, b'", "' x'"]
    """
    return column if column and column == column.strip() and "," not in column else repr(column)


@dataclass(frozen=True)
class Fields:
    """The fields of a spec, by what they are for; the same Field may serve several uses.

    An input has one for each column that it reads. `filtered` has that of the labels which metrics
    of a head leave out, by head.
    """

    inputs: dict[str, tuple[Field, ...]]
    heads: dict[str, Field]
    keys: dict[str, Field]
    split: dict[str, Field]
    weight: Field | None
    next_elements: NextElements | None = None
    filtered: Mapping[str, Field] = field(default_factory=dict)

    def all(self) -> list[Field]:
        """Every field once, in the order of their first use."""
        uses = [*self.of_inputs(), *self.heads.values(), *self.filtered.values()]
        uses += [*self.keys.values(), *self.split.values()]
        return list(dict.fromkeys(uses + [self.weight] * (self.weight is not None)))  # type: ignore[list-item]

    def of_inputs(self) -> list[Field]:
        """The fields of all inputs, each once."""
        return list(dict.fromkeys(field for fields in self.inputs.values() for field in fields))

    def target(self, head: str) -> Field:
        """What a row that is judged has for a head: of the next elements of a list one text."""
        field = self.heads[head]
        if not field.follows:
            return field
        texts = Field(field.column, "text", reading=field.reading)
        return replace(texts, missing_words=field.missing_words)

    def of(self, name: str) -> tuple[Field, ...]:
        """The fields of an input or a head."""
        if name in self.inputs:
            return self.inputs[name]
        further = (self.filtered[name],) if name in self.filtered else ()
        return self.heads[name], *further

    def raw(self) -> dict[str, Field]:
        """Raw feature to the field that it is made from: inputs by name, then heads.

        Further columns of one are called `NAME.2` and so on.
        """
        return self.raw_of(self.inputs) | self.raw_of(self.heads)

    def raw_of(self, names: Iterable[str]) -> dict[str, Field]:
        """The same of some inputs or heads."""
        return {
            raw: field
            for name in names
            for raw, field in zip(raw_names(name, len(self.of(name))), self.of(name), strict=True)
        }

    def read(self) -> list[Field]:
        """The fields that files have; others are made of these."""
        return [field for field in self.all() if not field.follows]

    def columns(self) -> list[str]:
        return list(dict.fromkeys(field.column for field in self.read()))

    def sampled(self) -> list[Field]:
        """The fields of inputs, heads and keys: what a row that is evaluated has."""
        uses = [*self.of_inputs(), *self.heads.values(), *self.filtered.values()]
        return list(dict.fromkeys([*uses, *self.keys.values()]))

    def read_as(self, readings: Mapping[str, Reading]) -> "Fields":
        """The same columns; `readings` has how each input and head reads them."""
        inputs = {
            name: tuple(_read(field, readings[name]) for field in fields)
            for name, fields in self.inputs.items()
        }
        heads = {name: _read(field, readings[name]) for name, field in self.heads.items()}
        filtered = {name: _read(field, readings[name]) for name, field in self.filtered.items()}
        return replace(self, inputs=inputs, heads=heads, filtered=filtered)


def fields_of(spec: specs.Spec) -> Fields:
    """The fields that a spec needs.

    A column that is needed in two types (a number that is also a key) gives two fields. The first
    use, inputs before heads before keys, has the column's own name; the other is `column:kind`.
    """
    named, readings = _Names(spec.missing_words), _readings(spec)
    inputs: dict[str, tuple[Field, ...]] = {}
    for name, part in spec.inputs.items():
        columns = spec.input_columns(name)
        read = [_read(INPUTS[part.kind].field(part, one), readings[name]) for one in columns]
        read += [field.weights() for field in read if field.weighted_by]
        first = tuple(named(field) for field in read[:1])
        # What an input reads further has a number for each element of its first column.
        inputs[name] = first + tuple(named(replace(f, beside=first[0].output)) for f in read[1:])
    heads = {
        name: named(_read(_head_field(spec, name, inputs), readings[name])) for name in spec.heads
    }
    filtered = {
        name: named(_read(_filtered_field(spec, name, column, inputs), readings[name]))
        for name, column in spec.left_out().items()
    }
    weight = None
    if spec.weight is not None:
        weight = named(Field(spec.weight, "number", required=True, nonnegative=True))
    # Whatever compares these takes them as values: they need no field of their own for that.
    of_inputs = [field for fields in inputs.values() for field in fields]
    all_fields = [*of_inputs, *heads.values(), *filtered.values()]
    texts = {field.column: field for field in all_fields if field.kind == _COMPARED}
    keys = {c: texts.get(c) or named(Field(c, _COMPARED)) for c in spec.keys}
    split = {c: texts.get(c) or named(Field(c, _COMPARED)) for c in _split_columns(spec.split)}
    if (column := time_column(spec.split)) and (known := time_field(of_inputs, column)):
        split[column] = known
    following = _next_elements(spec, inputs, heads, filtered)
    return Fields(inputs, heads, keys, split, weight, following, filtered)


def _head_field(spec: specs.Spec, name: str, inputs: Mapping[str, tuple[Field, ...]]) -> Field:
    part, column = spec.heads[name], spec.head_column(name)
    if (source := part.follows()) is None:
        return HEADS[part.kind].field(part, column)
    return replace(inputs[source][0], column=column, name="", follows=inputs[source][0].output)


def _filtered_field(
    spec: specs.Spec, name: str, column: str, inputs: Mapping[str, tuple[Field, ...]]
) -> Field:
    """Of a list whose next element is predicted: all that stands before that element."""
    source = spec.heads[name].follows()
    if source is None or spec.input_columns(source)[0] != column:
        return Field(column, "list")
    return replace(inputs[source][0], name="", follows=inputs[source][0].output)


def _next_elements(
    spec: specs.Spec,
    inputs: Mapping[str, tuple[Field, ...]],
    heads: Mapping[str, Field],
    filtered: Mapping[str, Field],
) -> NextElements | None:
    if not spec.followed():
        return None
    lists = dict.fromkeys(inputs[name][0].output for name in spec.along())
    follow = {heads[name].output: heads[name].follows for name in spec.followed()}
    split, held_out = spec.split, list[int]()
    if isinstance(split, specs.LastSplit) and split.of_elements:
        held_out = [SIDES.index(side) for side in ("test", "eval") if getattr(split, side)]
    before = {field.output: field.follows for field in filtered.values() if field.follows}
    return NextElements(tuple(lists), follow, spec.places, tuple(held_out), before)


def kinds_of(spec: specs.Spec) -> dict[str, tuple[Prepare, Any]]:
    """The answers of each input and head, inputs first, and its settings as examples are made for
    it."""
    inputs = {name: (INPUTS[part.kind], part) for name, part in spec.prepared_inputs().items()}
    return inputs | {name: (HEADS[part.kind], part) for name, part in spec.heads.items()}


def analyses_of(spec: specs.Spec, fields: Fields) -> dict[str, Analysis]:
    """What is to be learned of each input and head that reads columns."""
    parts = spec.inputs | spec.heads
    read = {n: (kind, own[0]) for n, (kind, _) in kinds_of(spec).items() if (own := fields.of(n))}
    return {name: kind.analysis(parts[name], first) for name, (kind, first) in read.items()}


def raw_names(name: str, columns: int) -> list[str]:
    """What the raw features of an input are called that reads so many columns.

    >>> raw_names("items", 2)
    ['items', 'items.2']
    """
    return [name, *(f"{name}.{number}" for number in range(2, columns + 1))][:columns]


def one_or_all(columns: Sequence[Any]) -> Any:
    """What kinds are given: the only column, or a tuple of several."""
    return columns[0] if len(columns) == 1 else tuple(columns)


def _readings(spec: specs.Spec) -> dict[str, Reading]:
    """How each input and head reads texts; words, where nobody has said so yet."""
    said, used = spec.readings(), spec.vocabulary_of()
    return {name: said.get(used.get(name, "")) or "words" for name in [*spec.inputs, *spec.heads]}


def _read(field: Field, reading: Reading) -> Field:
    """Only texts are read in several ways."""
    is_number = field.column_type.element() != "string"
    return field if is_number else replace(field, reading=reading)


class _Names:
    """Gives each different field a name of its own, and all the words for a missing value."""

    def __init__(self, missing_words: tuple[str, ...]) -> None:
        self._words, self._fields = missing_words, dict[str, Field]()

    def __call__(self, field: Field) -> Field:
        field = replace(field, missing_words=self._words)
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


def time_column(split: specs.Split) -> str | None:
    """The column of a split that says when."""
    if isinstance(split, specs.LastSplit):
        return split.order
    return split.column if isinstance(split, specs.TimeSplit) else None


def _split_columns(split: specs.Split) -> tuple[str, ...]:
    """In the order in which pipeline.sides takes them."""
    match split:
        case specs.HashSplit():
            return split.columns
        case specs.ColumnSplit() | specs.TimeSplit():
            return (split.column,)
        case specs.LastSplit(order=str(order)):
            return (*split.columns, order)
    return ()
