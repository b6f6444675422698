"""The files of a run folder that take no TensorFlow to read."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from kinds.columns import Field, cast
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from pipeline.spec import Spec


def json_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Failure(Exit.INTEGRITY, "the file must be JSON", received=path) from None


def json_lines(path: Path) -> list[Any]:
    """One value a line; without such a file there are none."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def counts_by_value(folder: Path, vocabulary: str) -> dict[str, int]:
    """{value: its occurrences in train, in all inputs and heads that are counted}, by id."""
    return dict(json_lines(folder / "vocabulary" / f"{vocabulary}.jsonl"))


def label_counts(folder: Path, head: str) -> dict[str, int]:
    """{label: how often it is the head's label in train}, by id."""
    return dict(json_lines(folder / "labels" / f"{head}.jsonl"))


def samples(folder: Path, spec: Spec) -> pa.RecordBatch:
    """The held-out rows, typed as inputs and heads want them."""
    fields = fields_of(spec)
    rows = sample_rows(folder)
    wanted = dict.fromkeys([*fields.inputs.values(), *fields.heads.values()])
    typed, _, rejected = cast(rows, [_present(f, rows.schema.names) for f in wanted])
    if rejected or not typed.num_rows:
        received = rejected[0] if rejected else "no rows"
        rule = "samples.parquet must hold rows that fit"
        raise Failure(Exit.INTEGRITY, rule, received=received)
    return typed


def sample_rows(folder: Path) -> pa.RecordBatch:
    """The held-out rows as the file has them: under their typed names or as they were."""
    table = pyarrow.parquet.read_table(folder / "samples.parquet").combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _present(field: Field, names: Sequence[str]) -> Field:
    if field.output not in names:
        return field
    return replace(field, column=field.output)
