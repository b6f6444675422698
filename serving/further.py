"""Columns beside the results of a model, one protocol for all of them.

Files, Beam and Python make them alike, of a batch of typed rows and its results.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from kinds.heads.score import FileHead


class Further(Protocol):
    """Columns of one kind."""

    def schema(self) -> pa.Schema:
        """Their names and types."""

    def depends_on(self) -> list[Any]:
        """What decides on them beside the rows and the model, as JSON has it."""

    def lines(self, head: FileHead | None, row: Mapping[str, Any]) -> list[str]:
        """What `serving.ask` says of a head, or of the row as a whole, from a row of results with
        these columns."""

    def of(self, typed: pa.RecordBatch, results: pa.RecordBatch) -> list[pa.Array]:
        """Them, of rows as the model reads them and the results of its heads."""


def with_schemas(results: pa.Schema, further: Sequence[Further]) -> pa.Schema:
    """The columns of the results, then those beside them."""
    return pa.schema([*results, *(column for one in further for column in one.schema())])


def with_columns(
    results: pa.RecordBatch, typed: pa.RecordBatch, further: Sequence[Further]
) -> pa.RecordBatch:
    """The results and the columns beside them."""
    columns = [column for one in further for column in one.of(typed, results)]
    schema = with_schemas(results.schema, further)
    return pa.RecordBatch.from_arrays([*results.columns, *columns], schema=schema)
