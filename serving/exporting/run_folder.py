"""A finished training run, read from its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pyarrow as pa

from kinds.inputs.ids.numbering import missing_id
from kinds.inputs.onnx import KINDS as INPUTS
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
    lengths = {n: INPUTS[part.kind].length(part) for n, part in source.spec.inputs.items()}
    known = source.spec.vocabulary_of()
    return {
        name: (length, missing_id(len(source.vocabularies[known[name]])))
        for name, length in lengths.items()
        if length is not None
    }
