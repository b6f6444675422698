"""The spec: what the rows are, what the model is, and what it predicts.

One YAML file names each thing once and everything else is derived from it. It is checked when
it is read, saved as JSON in every folder that a stage publishes, and read back from there.

A spec is a value: frozen, and always valid as a whole. Inputs and heads are kinds (kinds.inputs,
kinds.heads); the other parts are defined in the modules beside this one. pipeline.spec.file reads a
spec from a file. This package needs pydantic only.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from kinds.heads.part import Labels
from kinds.heads.spec import Head
from kinds.inputs.keys import Key
from kinds.inputs.part import Lookup, Pairs
from kinds.inputs.spec import Input
from kinds.memory.spec import Memory
from kinds.settings import Column, Name, Part, Word, readable_as_yaml
from pipeline.spec.blocks import (
    Layer,
    Product,
    Reading,
    Shared,
    Table,
    Trunk,
    TrunkOrNone,
    Vocabulary,
)
from pipeline.spec.checks import check_parts
from pipeline.spec.label_features import LabelColumn, LabelFeatures
from pipeline.spec.splits import (
    ColumnSplit,
    FileSplit,
    HashSplit,
    LastSplit,
    RowSplit,
    Split,
    TimeSplit,
)
from pipeline.spec.training import AUTO, Phases, Sampled, Training, TrainingOrAuto

__all__ = [
    "ColumnSplit",
    "FileSplit",
    "HashSplit",
    "Head",
    "Input",
    "LabelColumn",
    "LabelFeatures",
    "Labels",
    "LastSplit",
    "Layer",
    "Lookup",
    "Memory",
    "Part",
    "Phases",
    "Product",
    "RowSplit",
    "Sampled",
    "Shared",
    "Spec",
    "Split",
    "Table",
    "TimeSplit",
    "Training",
    "Trunk",
    "Vocabulary",
]


def _form(memory: Any) -> str:
    return "auto" if isinstance(memory, str) else "named"


Memories = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[dict[Name, Memory], Tag("named")],
    Discriminator(_form),
]


class Spec(Part):
    """The whole spec. It is refused with one message if its parts do not fit together."""

    name: Name
    """The name of the model."""
    keys: tuple[Column, ...] = ()
    """Columns that identify a row: carried through scoring, not learned from."""
    weight: Column | None = None
    """A column that says how much a row counts."""
    missing_words: tuple[Word, ...] = ()
    """What cells hold where there is no value, such as `[NA, n/a, "-999"]`: in every column such a
    cell is a missing value, as an input, a target or a key."""
    vocabularies: dict[Name, Vocabulary] = Field(default={})
    """Which values get ids of their own, under names of your choice."""
    shared: dict[Name, Shared] = Field(default={})
    """Weights that several inputs go through, under names of your choice."""
    inputs: dict[Name, Input] = Field(min_length=1)
    """What the model reads. The name of an input is its column, unless `column` names another."""
    tables: dict[Name, Table] = Field(default={})
    """Embedding tables that start with vectors that exist, under the names of their `table`, which
    is that of the vocabulary where an input names none."""
    label_features: dict[Name, LabelFeatures] = Field(default={})
    """Columns of the labels themselves, by the name of their vocabulary."""
    products: dict[Name, Product] = Field(default={})
    """Products of the vectors of inputs, under names of your choice."""
    memory: Memories = Field(default={})
    """What the training rows say of single values, under names of your choice, for heads to use;
    `auto` lets prepare choose."""
    trunk: TrunkOrNone = Trunk()
    """The layers between the joined inputs and the heads."""
    heads: dict[Name, Head] = Field(min_length=1)
    """What is predicted. The name of a head is its column, unless `column` names another."""
    split: Split
    """Which rows train and which are held out."""
    training: TrainingOrAuto = AUTO
    """How the weights are learned, and for how long; `auto` by default."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    def input_columns(self, name: str) -> tuple[str, ...]:
        """The columns that an input reads, its own first."""
        return self.inputs[name].columns(name)

    def offered(self, entries: Mapping[str, int]) -> dict[str, Key]:
        """The ids that inputs offer to memories and crosses, by the names under which a spec asks
        for them. `entries` is the number of values of each vocabulary."""
        return {
            f"{name}.{part}" if part else name: key
            for name, settings in self.inputs.items()
            for part, key in settings.keys(name, entries).items()
        }

    def pairs(self) -> dict[str, Pairs]:
        """The inputs that are made of ids of other inputs, and of which."""
        found = {name: part.pairs(name) for name, part in self.inputs.items()}
        return {name: pairs for name, pairs in found.items() if pairs}

    def keys_of(self, name: str, entries: Mapping[str, int]) -> tuple[Key, ...]:
        """The ids that such an input is made of."""
        named = [own.partition(".") for own in self.pairs()[name].of]
        return tuple(self.inputs[own].keys(own, entries)[part] for own, _, part in named)

    def values_of_keys(
        self, name: str, values: Mapping[str, Sequence[str]]
    ) -> list[Sequence[str] | None]:
        """Of each of these ids the values of their vocabulary, if they are of one."""
        used = self.vocabulary_of()
        named = [own.partition(".")[0] for own in self.pairs()[name].of]
        return [values[used[own]] if own in used else None for own in named]

    def all_vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies that the spec names, and those of pairs."""
        of_pairs = {
            pairs.vocabulary: Vocabulary(size=pairs.size, min_count=pairs.min_count)
            for pairs in self.pairs().values()
        }
        return self.vocabularies | of_pairs

    def head_column(self, name: str) -> str:
        return self.heads[name].column or name

    def followed(self) -> dict[str, str]:
        """{head that predicts the next element of a list: the input that reads the list}"""
        found = {name: head.follows() for name, head in self.heads.items()}
        return {name: source for name, source in found.items() if source}

    def along(self) -> dict[str, Input]:
        """The inputs that read that list. In training each has a vector at every place of it."""
        columns = {self.input_columns(source)[0] for source in self.followed().values()}
        return {
            name: part
            for name, part in self.inputs.items()
            if part.READS_LIST and self.input_columns(name)[0] in columns
        }

    @property
    def places(self) -> int:
        """How many of a list's last elements such heads are trained to predict; 0 without one."""
        return max((part.places() or 0 for part in self.along().values()), default=0)

    def prepared_inputs(self) -> dict[str, Input]:
        """The settings of inputs as examples are made for them: those of a list whose next elements
        are predicted have the elements of all places."""
        longer = {"length": self.places}
        along = {name: part.model_copy(update=longer) for name, part in self.along().items()}
        return self.inputs | along

    def read(self) -> dict[str, Input]:
        """The inputs that the network reads; the others are for memories alone."""
        of_trunk = self.trunk.inputs
        if of_trunk is None:
            return self.inputs
        named = {name for head in self.heads.values() for name in head.inputs or of_trunk}
        read = named.union(*(self.products[name].of for name in named & self.products.keys()))
        return {name: part for name, part in self.inputs.items() if name in read}

    def products_read(self) -> dict[str, Product]:
        """The products that the network reads."""
        of_trunk = self.read_by_trunk()
        read = {name for head in self.heads.values() for name in head.inputs or of_trunk}
        return {name: part for name, part in self.products.items() if name in read}

    def with_one_value(self) -> list[str]:
        """The inputs that the network reads and that have one id of a vocabulary a row."""
        used, pairs = self.vocabulary_of(), self.pairs()
        entries = dict.fromkeys(used.values(), 1)
        keys = {n: part.keys(n, entries).get("") for n, part in self.read().items() if n in used}
        return [n for n, key in keys.items() if key and key.place is None and n not in pairs]

    def read_by_trunk(self) -> list[str]:
        """The inputs and products that the trunk reads, in their order."""
        of_trunk, names = self.trunk.inputs, [*self.inputs, *self.products]
        return [name for name in names if of_trunk is None or name in of_trunk]

    def lookups(self, *, with_own_ids: bool = False) -> dict[str, Lookup]:
        """Where the inputs over a vocabulary look their ids up; on request those with ids of their
        own, too."""
        found = {name: part.lookup(name) for name, part in self.inputs.items()}
        return {
            name: lookup
            for name, lookup in found.items()
            if lookup and (lookup.vocabulary or with_own_ids)
        }

    def starts(self) -> dict[str, Lookup]:
        """How inputs look up in the tables that start with vectors that exist."""
        lookups = {part.table: part for part in self.lookups().values()}
        return {table: lookups[table] for table in self.vector_files()}

    def vector_files(self) -> dict[str, str]:
        """The files of vectors that tables start with."""
        return {name: one.vectors for name, one in self.tables.items() if one.vectors is not None}

    def labels(self) -> dict[str, Labels]:
        """What the heads over a vocabulary choose from."""
        found = {name: head.labels() for name, head in self.heads.items()}
        return {name: labels for name, labels in found.items() if labels}

    def selected(self) -> tuple[str, str] | None:
        """The head and the metric that epochs are judged by, if it is not the loss."""
        found = [(name, head.select) for name, head in self.heads.items() if head.select]
        return found[0] if found else None

    def left_out(self) -> dict[str, str]:
        """{head: the column of the labels that its filtered metrics leave out}"""
        found = {name: head.leaves_out() for name, head in self.heads.items()}
        return {name: column for name, column in found.items() if column}

    def featured(self) -> dict[str, str]:
        """{head whose labels have features: their vocabulary}"""
        labels = self.labels().items()
        return {name: one.vocabulary for name, one in labels if one.vectors != "own"}

    def vocabulary_of(self) -> dict[str, str]:
        """The vocabulary of each input and head that has one."""
        lookups = {name: part.lookup(name) for name, part in self.inputs.items()}
        inputs = {n: one.vocabulary for n, one in lookups.items() if one and one.vocabulary}
        return inputs | {name: labels.vocabulary for name, labels in self.labels().items()}

    @property
    def memories(self) -> dict[str, Memory]:
        """The memories by name; none until prepare has chosen them."""
        return {} if self.memory == "auto" else self.memory

    def remembered(self) -> list[tuple[str, str]]:
        """Each memory and a head of labels that mixes it with the network."""
        return self._memories_of(lambda head: head.labels() is not None)

    def mixed(self) -> dict[str, list[str]]:
        """{head of labels: the memories that it mixes with the network}"""
        found: dict[str, list[str]] = {}
        for memory, head in self.remembered():
            found.setdefault(head, []).append(memory)
        return found

    def averaged(self) -> list[tuple[str, str]]:
        """Each memory and a head of a number whose averages by it the network reads."""
        return self._memories_of(lambda head: head.link() is not None)

    def _memories_of(self, has: Callable[[Head], bool]) -> list[tuple[str, str]]:
        heads = ((name, head) for name, head in self.heads.items() if has(head))
        return [(one, name) for name, head in heads for one in head.memories()]

    def with_memories(
        self, memories: Mapping[str, Memory], of_heads: Mapping[str, tuple[str, ...]]
    ) -> Self:
        """The spec with memories, and those that each head uses."""
        heads = {
            name: head.model_copy(update={"memory": of_heads[name]}) if name in of_heads else head
            for name, head in self.heads.items()
        }
        return self.model_copy(update={"memory": dict(memories), "heads": heads})

    def remembering(self, other: "Spec") -> Self:
        """The spec with the memories of another one, if it leaves their choice to prepare."""
        if self.memory != "auto":
            return self
        of_heads = {name: head.memories() for name, head in other.heads.items()}
        return self.with_memories(other.memories, of_heads)

    def counted(self, vocabulary: str) -> list[str]:
        """The inputs and heads whose values a vocabulary counts."""
        users = [name for name, own in self.vocabulary_of().items() if own == vocabulary]
        chosen = self.all_vocabularies()[vocabulary].counted
        return [name for name in users if not chosen or name in chosen]

    def read_as(self, readings: Mapping[str, Reading | None]) -> Self:
        """The spec with the readings of vocabularies that do not say theirs."""
        vocabularies = {
            name: one if one.reading else one.model_copy(update={"reading": readings.get(name)})
            for name, one in self.vocabularies.items()
        }
        return self.model_copy(update={"vocabularies": vocabularies})

    def split_at(self, begins: tuple[str, ...]) -> Self:
        """The spec with the times with which the held-out sides of a split by time begin."""
        if not isinstance(self.split, TimeSplit):
            return self
        return self.model_copy(update={"split": self.split.model_copy(update={"begins": begins})})

    def prepared_as(self, data: Self) -> Self:
        """The spec with what prepare found for that of `data`: readings, where sides begin, and the
        memories that were its to choose."""
        begins = data.split.begins if isinstance(data.split, TimeSplit) else ()
        return self.read_as(data.readings()).split_at(begins).remembering(data)

    def readings(self) -> dict[str, Reading | None]:
        """How each vocabulary reads its cells, as far as that is said."""
        return {name: one.reading for name, one in self.vocabularies.items()}

    def to_json(self) -> str:
        """With every default; where some are still to be chosen, only with what was said."""
        said = self.model_dump_json(indent=2, exclude_unset=self.training.auto)
        return readable_as_yaml(said) + "\n"

    def preparation_hash(self) -> str:
        """SHA-256 of all that prepare depends on: the rows it makes stay valid while this does."""
        said: dict[str, Any] = {
            "keys": self.keys,
            "weight": self.weight,
            "missing_words": self.missing_words,
            # Where the shares of a split by time begin follows from the rows.
            "split": self.split.model_dump(mode="json", exclude={"begins"}),
            "vocabularies": {n: v.model_dump(mode="json") for n, v in self.vocabularies.items()},
            "inputs": {
                name: (*self.input_columns(name), _prepared(part))
                for name, part in self.inputs.items()
            },
            "heads": {
                name: (self.head_column(name), _prepared(part)) for name, part in self.heads.items()
            },
        }
        if self.memory:
            said["memory"] = self._prepared_memory()
        if self.followed():
            said["next_of"] = self.followed()
        if left_out := self.left_out():
            said["filtered"] = left_out
        if files := self.vector_files():
            said["tables"] = files
        if self.label_features:
            own = self.label_features.items()
            said["label_features"] = {name: one.model_dump(mode="json") for name, one in own}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def _prepared_memory(self) -> Any:
        if self.memory == "auto":
            return self.memory
        own = {name: _prepared(one) for name, one in self.memory.items()}
        return own, {name: head.memories() for name, head in self.heads.items()}


def _prepared(part: Input | Head | Memory) -> dict[str, Any]:
    return part.model_dump(mode="json", include=set(part.PREPARED))
