"""A finished training run, read from its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import pyarrow as pa

from kinds.inputs.ids.numbering import missing_id
from kinds.memory.head_counts import HeadCounts, gates_of
from kinds.memory.keys import keys_of
from pipeline.fields import Fields, analyses_of, fields_of
from pipeline.folders.run import RunFolder
from serving.exporting.reference import load_transform
from serving.sample_rows import typed_samples


@dataclass(frozen=True)
class TrainedRun(RunFolder):
    """A run folder whose model, transform graph and rows can be used."""

    @cached_property
    def model(self) -> keras.Model:
        return keras.saving.load_model(self.keras_model, compile=False, safe_mode=True)

    @cached_property
    def transform_graph(self) -> Any:
        return load_transform(self.transform)

    @cached_property
    def typed_samples(self) -> pa.RecordBatch:
        return typed_samples(self)

    @cached_property
    def fields(self) -> Fields:
        """The typed columns of inputs and heads."""
        return fields_of(self.spec)

    @cached_property
    def lengths(self) -> dict[str, int]:
        """How many values count of each input that reads several."""
        found = {n: one.length for n, one in analyses_of(self.spec, self.fields).items()}
        return {name: length for name, length in found.items() if length is not None}

    @cached_property
    def counts(self) -> dict[str, HeadCounts]:
        """What each head with memories knows of its labels."""
        return {
            name: HeadCounts(
                gates_of(self.metrics["memory"][name]),
                {
                    one: (
                        keys_of(self.spec.memories[one], self.spec.inputs, self.entries),
                        self.memory(one, name),
                    )
                    for one in memories
                },
                self.spec.labels()[name].several,
            )
            for name, memories in self.spec.mixed().items()
        }

    @cached_property
    def values(self) -> dict[str, Sequence[str]]:
        """The values by id of each input and head that has a vocabulary."""
        known = self.vocabulary_values
        return {name: known[v] for name, v in self.spec.vocabulary_of().items()}

    @cached_property
    def vocabulary_values(self) -> dict[str, Sequence[str]]:
        """The values of each vocabulary by id."""
        return {name: list(counts) for name, counts in self.vocabularies().items()}


def padding(source: TrainedRun) -> dict[str, tuple[int, int]]:
    """{input of several values: (its length, the id that pads it)}"""
    entries = {name: len(values) for name, values in source.values.items()}
    lists = [(name, length) for name, length in source.lengths.items() if name in entries]
    return {name: (length, missing_id(entries[name])) for name, length in lists}
