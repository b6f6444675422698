"""The spec: what the rows are, what the model is, and what it predicts.

One YAML file names each thing once and everything else is derived from it. It is checked when
it is read, saved as JSON in every folder that a stage publishes, and read back from there.

A spec is a value: frozen, and always valid as a whole. Inputs and heads are kinds (kinds.inputs,
kinds.heads); the other parts are defined in the modules beside this one. pipeline.spec.file reads a
spec from a file. This package needs pydantic only.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kinds.heads.part import Labels
from kinds.heads.spec import Head
from kinds.inputs.part import Key, Lookup, Pairs
from kinds.inputs.spec import Input
from kinds.settings import Column, Name, Part, Share, readable_as_yaml
from pipeline.spec.blocks import Layer, Reading, Shared, Trunk, Vocabulary
from pipeline.spec.checks import check_parts
from pipeline.spec.training import Phases, Sampled, Training

__all__ = [
    "ColumnSplit",
    "FileSplit",
    "HashSplit",
    "Head",
    "Input",
    "Labels",
    "Layer",
    "Lookup",
    "Part",
    "Phases",
    "Sampled",
    "Shared",
    "Spec",
    "Training",
    "Trunk",
    "Vocabulary",
]


class HashSplit(Part):
    """Rows with the same values in `columns` go to the same side: train, eval or test."""

    by: Literal["hash"]
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns that decide; choose what groups rows that belong together, such as a person."""
    eval: Share = 0.1
    """The share of rows that training is evaluated on."""
    test: Share = 0.1
    """The share of rows for the final metrics."""

    @model_validator(mode="after")
    def _some_left_for_training(self) -> Self:
        if self.eval + self.test >= 1:
            raise ValueError("`eval` and `test` must leave rows for training")
        return self


class ColumnSplit(Part):
    """The value of one column decides the side; rows with a value that is not listed train.

    Each listed value must occur in a row; otherwise prepare ends with exit code 2.
    """

    by: Literal["column"]
    column: Column
    """The column that decides."""
    eval: tuple[str, ...] = Field(min_length=1)
    """Its values for the rows that training is evaluated on."""
    test: tuple[str, ...] = ()
    """Its values for the rows of the final metrics."""

    @model_validator(mode="after")
    def _no_value_twice(self) -> Self:
        if both := set(self.eval) & set(self.test):
            raise ValueError(f"a value cannot be in `eval` and in `test`: {sorted(both)}")
        return self


class FileSplit(Part):
    """The file's name decides the side; files that match no pattern train.

    Each pattern must match a file; otherwise prepare ends with exit code 2.
    """

    by: Literal["file"]
    eval: tuple[str, ...] = Field(min_length=1)
    """Patterns for the names of the files that training is evaluated on."""
    test: tuple[str, ...] = ()
    """Patterns for the names of the files for the final metrics."""


Split = Annotated[HashSplit | ColumnSplit | FileSplit, Field(discriminator="by")]


class Spec(Part):
    """The whole spec. It is refused with one message if its parts do not fit together."""

    name: Name
    """The name of the model."""
    keys: tuple[Column, ...] = ()
    """Columns that identify a row: carried through scoring, not learned from."""
    weight: Column | None = None
    """A column that says how much a row counts."""
    vocabularies: dict[Name, Vocabulary] = Field(default={})
    """Which values get ids of their own, under names of your choice."""
    shared: dict[Name, Shared] = Field(default={})
    """Weights that several inputs go through, under names of your choice."""
    inputs: dict[Name, Input] = Field(min_length=1)
    """What the model reads. The name of an input is its column, unless `column` names another."""
    trunk: Trunk = Trunk()
    """The layers between the joined inputs and the heads."""
    heads: dict[Name, Head] = Field(min_length=1)
    """What is predicted. The name of a head is its column, unless `column` names another."""
    split: Split
    """Which rows train and which are held out."""
    training: Training = Training()
    """How the weights are learned, and for how long."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    def input_columns(self, name: str) -> tuple[str, ...]:
        """The columns that an input reads, its own first."""
        return self.inputs[name].columns(name)

    def keys_of_inputs(self) -> dict[str, Key]:
        """The ids that inputs offer, by the names under which a spec asks for them: `items.last` is
        what `items` calls `last`."""
        return {
            f"{name}.{own}".rstrip("."): key
            for name, part in self.inputs.items()
            for own, key in part.keys(name).items()
        }

    def pairs(self) -> dict[str, Pairs]:
        """The inputs that are made of ids of other inputs, and of which."""
        found = {name: part.pairs(name) for name, part in self.inputs.items()}
        return {name: pairs for name, pairs in found.items() if pairs}

    def keys_of(self, name: str) -> tuple[Key, ...]:
        """The ids that such an input is made of."""
        offered = self.keys_of_inputs()
        return tuple(offered[own] for own in self.pairs()[name].of)

    def network_inputs(self) -> dict[str, Input]:
        """The inputs that the network reads."""
        return {name: part for name, part in self.inputs.items() if part.network}

    def all_vocabularies(self) -> dict[str, Vocabulary]:
        """The vocabularies that the spec names, and those of pairs."""
        of_pairs = {
            pairs.vocabulary: Vocabulary(size=pairs.size, min_count=pairs.min_count)
            for pairs in self.pairs().values()
        }
        return self.vocabularies | of_pairs

    def head_column(self, name: str) -> str:
        return self.heads[name].column or name

    def lookups(self, *, with_own_ids: bool = False) -> dict[str, Lookup]:
        """Where the network's inputs over a vocabulary look their ids up; on request those with ids
        of their own, too."""
        found = {name: part.lookup(name) for name, part in self.network_inputs().items()}
        return {
            name: lookup
            for name, lookup in found.items()
            if lookup and (lookup.vocabulary or with_own_ids)
        }

    def labels(self) -> dict[str, Labels]:
        """What the heads over a vocabulary choose from."""
        found = {name: head.labels() for name, head in self.heads.items()}
        return {name: labels for name, labels in found.items() if labels}

    def vocabulary_of(self) -> dict[str, str]:
        """The vocabulary of each input and head that has one."""
        lookups = {name: part.lookup(name) for name, part in self.inputs.items()}
        inputs = {n: one.vocabulary for n, one in lookups.items() if one and one.vocabulary}
        return inputs | {name: labels.vocabulary for name, labels in self.labels().items()}

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

    def readings(self) -> dict[str, Reading | None]:
        """How each vocabulary reads its cells, as far as that is said."""
        return {name: one.reading for name, one in self.vocabularies.items()}

    def to_json(self) -> str:
        return readable_as_yaml(self.model_dump_json(indent=2)) + "\n"

    def preparation_hash(self) -> str:
        """SHA-256 of all that prepare depends on: the rows it makes stay valid while this does."""
        said: dict[str, Any] = {
            "keys": self.keys,
            "weight": self.weight,
            "split": self.split.model_dump(mode="json"),
            "vocabularies": {n: v.model_dump(mode="json") for n, v in self.vocabularies.items()},
            "inputs": {
                name: (*self.input_columns(name), _prepared(part))
                for name, part in self.inputs.items()
            },
            "heads": {
                name: (self.head_column(name), _prepared(part)) for name, part in self.heads.items()
            },
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _prepared(part: Input | Head) -> dict[str, Any]:
    return part.model_dump(mode="json", include=set(part.PREPARED))
