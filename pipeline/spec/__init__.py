"""The spec: what the rows are, what the model is, what is to be predicted.

One YAML file names each thing once and everything else is derived from it. It is checked when
it is read, saved as JSON in every folder that a stage publishes, and read back from there.

A spec is a value: frozen, and never half valid. Its parts are defined in the modules beside this
one (inputs, heads, training) and are all to be had from here; pipeline.spec.file reads one from a
file. This package needs pydantic only.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from pipeline.spec.checks import check_parts
from pipeline.spec.heads import Binary, Classification, Counts, Head, Multilabel, Regression
from pipeline.spec.inputs import (
    NUMBER_LIMIT,
    Category,
    Input,
    Layer,
    Number,
    Sequence,
    Shared,
    Trunk,
    Vocabulary,
)
from pipeline.spec.training import Phases, Sampled, Training
from pipeline.spec.values import Column, Name, Part, Share, readable_as_yaml

__all__ = [
    "NUMBER_LIMIT",
    "Binary",
    "Category",
    "Classification",
    "ColumnSplit",
    "Counts",
    "FileSplit",
    "HashSplit",
    "Head",
    "Input",
    "Layer",
    "Multilabel",
    "Number",
    "Part",
    "Phases",
    "Regression",
    "Sampled",
    "Sequence",
    "Shared",
    "Spec",
    "Training",
    "Trunk",
    "Vocabulary",
]


class HashSplit(Part):
    """Rows with equal values in `columns` fall on the same side."""

    by: Literal["hash"]
    columns: tuple[Column, ...] = Field(min_length=1)
    """The columns that decide; best what groups rows that belong together."""
    eval: Share = 0.1
    """The share of rows that training is judged by."""
    test: Share = 0.1
    """The share of rows for the final figures."""

    @model_validator(mode="after")
    def _some_left_for_training(self) -> Self:
        if self.eval + self.test >= 1:
            raise ValueError("`eval` and `test` must leave rows for training")
        return self


class ColumnSplit(Part):
    """The value of one column says the side; every value that is not listed trains."""

    by: Literal["column"]
    column: Column
    """The column that says the side."""
    eval: tuple[str, ...] = Field(min_length=1)
    """Its values for rows that training is judged by."""
    test: tuple[str, ...] = ()
    """Its values for rows of the final figures."""

    @model_validator(mode="after")
    def _no_value_twice(self) -> Self:
        if both := set(self.eval) & set(self.test):
            raise ValueError(f"a value cannot be in `eval` and in `test`: {sorted(both)}")
        return self


class FileSplit(Part):
    """The file's name says the side; a file that no pattern matches trains."""

    by: Literal["file"]
    eval: tuple[str, ...] = Field(min_length=1)
    """Patterns of the names of files that training is judged by."""
    test: tuple[str, ...] = ()
    """Patterns of the names of files for the final figures."""


Split = Annotated[HashSplit | ColumnSplit | FileSplit, Field(discriminator="by")]


class Spec(Part):
    """The whole spec. Refused with one message where its parts do not fit together."""

    name: Name
    """What the model is called."""
    keys: tuple[Column, ...] = ()
    """Columns that tell rows apart: carried through scoring, not learned from."""
    weight: Column | None = None
    """A column that says how much a row counts."""
    vocabularies: dict[Name, Vocabulary] = Field(default={})
    """Which values have an id of their own, by a name of your choice."""
    shared: dict[Name, Shared] = Field(default={})
    """Weights that several inputs go through, by a name of your choice."""
    inputs: dict[Name, Input] = Field(min_length=1)
    """What the model reads; the name is that of the column unless one is given."""
    trunk: Trunk = Trunk()
    """The layers between the joined inputs and the heads."""
    heads: dict[Name, Head] = Field(min_length=1)
    """What is predicted; the name is that of the column unless one is given."""
    split: Split
    """Which rows train and which are held out."""
    training: Training = Training()
    """How the weights are learned, and for how long."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_parts(self)
        return self

    def input_column(self, name: str) -> str:
        return self.inputs[name].column or name

    def head_column(self, name: str) -> str:
        return self.heads[name].column or name

    def embedded_inputs(self) -> dict[str, Category | Sequence]:
        """The inputs that look an id up: categories and sequences."""
        return {n: i for n, i in self.inputs.items() if isinstance(i, Category | Sequence)}

    def number_inputs(self) -> dict[str, Number]:
        return {n: i for n, i in self.inputs.items() if isinstance(i, Number)}

    def label_heads(self) -> dict[str, Classification | Multilabel]:
        """The heads whose target is one label of a vocabulary, or several."""
        return {n: h for n, h in self.heads.items() if isinstance(h, Classification | Multilabel)}

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
                name: (self.input_column(name), part.model_dump(mode="json", include=_PREPARED))
                for name, part in self.inputs.items()
            },
            "heads": {
                name: (self.head_column(name), part.model_dump(mode="json", include=_PREPARED))
                for name, part in self.heads.items()
            },
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


_PREPARED = {"kind", "vocabulary", "length", "separator", "scale", "buckets", "missing"}
