"""The held-out rows that a run folder keeps: as they are there, and typed for inputs and heads."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet

from kinds.columns import Field, cast
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from pipeline.folders.run import RunFolder


def typed_samples(folder: RunFolder) -> pa.RecordBatch:
    """The held-out rows, typed as inputs and heads want them."""
    fields = fields_of(folder.spec)
    rows = sample_rows(folder)
    uses = [*fields.of_inputs(), *fields.heads.values(), *fields.filtered.values()]
    wanted = dict.fromkeys(uses)
    typed, _, rejected = cast(rows, [_present(f, rows.schema.names) for f in wanted])
    if rejected or not typed.num_rows:
        received = rejected[0] if rejected else "no rows"
        rule = f"{folder.samples.name} must hold rows that fit"
        raise Failure(Exit.INTEGRITY, rule, received=received)
    return typed


def sample_rows(folder: RunFolder) -> pa.RecordBatch:
    """The held-out rows as the file has them: under their typed names or as they were."""
    table = pyarrow.parquet.read_table(folder.samples).combine_chunks()
    batches = table.to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=table.schema)


def _present(field: Field, names: Sequence[str]) -> Field:
    if field.output not in names:
        return field
    # A typed column is cut already.
    return replace(field, column=field.output, weighted_by="")
