"""A finished training run, read from its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import pyarrow as pa

from kinds.inputs.ids.numbering import missing_id
from pipeline.fields import Fields, analyses_of, fields_of
from pipeline.spec import Spec
from pipeline.spec.file import read_spec
from serving.exporting.reference import load_transform
from serving.run_files import counts_by_value, json_file, samples


@dataclass(frozen=True)
class TrainedRun:
    """What a run folder holds. `vocabularies` has the values by id."""

    spec: Spec
    statistics: Mapping[str, Any]
    vocabularies: Mapping[str, Sequence[str]]
    model: keras.Model
    transform: Any
    samples: pa.RecordBatch

    @cached_property
    def fields(self) -> Fields:
        """The typed columns of inputs and heads."""
        return fields_of(self.spec)

    @cached_property
    def lengths(self) -> dict[str, int]:
        """How many values count of each input that reads lists."""
        found = {n: one.length for n, one in analyses_of(self.spec, self.fields).items()}
        return {name: length for name, length in found.items() if length is not None}

    @cached_property
    def values(self) -> dict[str, Sequence[str]]:
        """The values by id of each input and head that has a vocabulary."""
        return {name: self.vocabularies[v] for name, v in self.spec.vocabulary_of().items()}


def load(folder: Path) -> TrainedRun:
    """Reads a run folder that has been verified."""
    spec = read_spec(folder / "spec.json")
    return TrainedRun(
        spec=spec,
        statistics=json_file(folder / "statistics.json"),
        vocabularies={n: list(counts_by_value(folder, n)) for n in spec.vocabularies},
        model=keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True),
        transform=load_transform(folder / "transform"),
        samples=samples(folder, spec),
    )


def padding(source: TrainedRun) -> dict[str, tuple[int, int]]:
    """{input of a list: (its length, the id that pads it)}"""
    entries = {name: len(values) for name, values in source.values.items()}
    return {name: (length, missing_id(entries[name])) for name, length in source.lengths.items()}
