"""A finished training run, read from its folder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import pyarrow as pa
import pyarrow.parquet

from pipeline.casting import Field, cast
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from pipeline.spec import Spec
from pipeline.spec_file import read_spec
from serving.reference import load_transform


@dataclass(frozen=True)
class Run:
    """What a run folder holds. `vocabularies` has the values by id."""

    spec: Spec
    statistics: Mapping[str, Any]
    vocabularies: Mapping[str, Sequence[str]]
    model: keras.Model
    transform: Any
    samples: pa.RecordBatch


def load(folder: Path) -> Run:
    """Reads a run folder that has been verified."""
    spec = read_spec(folder / "spec.json")
    return Run(
        spec=spec,
        statistics=json_file(folder / "statistics.json"),
        vocabularies={n: _vocabulary(folder, n) for n in spec.vocabularies},
        model=keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=True),
        transform=load_transform(folder / "transform"),
        samples=_samples(folder / "samples.parquet", spec),
    )


def padding(source: Run) -> dict[str, tuple[int, int]]:
    """{sequence input: (its length, the id that pads it)}"""
    lists = {n: p for n, p in source.spec.embedded_inputs().items() if p.kind == "sequence"}
    return {n: (p.length, len(source.vocabularies[p.vocabulary]) + 1) for n, p in lists.items()}


def json_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Failure(Exit.INTEGRITY, "the file must be JSON", received=path) from None


def _vocabulary(folder: Path, name: str) -> list[str]:
    lines = (folder / "vocabulary" / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)[0] for line in lines if line]


def _samples(path: Path, spec: Spec) -> pa.RecordBatch:
    """The held-out rows, typed. The file has them under their typed names or as they were."""
    rows = pyarrow.parquet.read_table(path).combine_chunks()
    fields = fields_of(spec)
    wanted = dict.fromkeys([*fields.inputs.values(), *fields.heads.values()])
    typed, _, rejected = cast(_one_batch(rows), [_present(f, rows.schema.names) for f in wanted])
    if rejected or not typed.num_rows:
        received = rejected[0] if rejected else "no rows"
        raise Failure(Exit.INTEGRITY, f"{path.name} must hold rows that fit", received=received)
    return typed


def _present(field: Field, names: Sequence[str]) -> Field:
    if field.output not in names:
        return field
    return replace(field, column=field.output)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)
