"""The rows a certificate is made with: held-out ones, and those that break pipelines.

All are typed rows (kinds.columns). Each hard case is a few held-out rows with some columns
replaced, so that any spec has all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import TYPES, Field, is_missing

ROWS_OF_A_CASE = 4
ODD_BATCH = 1001


def hard_cases(
    rows: pa.RecordBatch, fields: Sequence[Field], values: Mapping[str, Sequence[str]]
) -> dict[str, pa.RecordBatch]:
    """{case: typed rows}. `fields` are the inputs', `values` the vocabulary of typed columns."""
    few = _repeated(rows, ROWS_OF_A_CASE)
    names = dict.fromkeys(name for kind in TYPES.values() for name in kind.hard_cells())
    cases = {name: _replaced(few, fields, partial(_hard, name)) for name in names}
    cases["equal_rows"] = _repeated(rows.slice(0, 1), ROWS_OF_A_CASE)
    cases["batch_of_1"] = rows.slice(0, 1)
    cases[f"batch_of_{ODD_BATCH}"] = _repeated(rows, ODD_BATCH)
    if every := _every_value(rows, fields, values):
        cases["every_value"] = every
    return cases


def _repeated(rows: pa.RecordBatch, count: int) -> pa.RecordBatch:
    return rows.take(pa.array(np.arange(count) % rows.num_rows))


def _replaced(
    rows: pa.RecordBatch, fields: Sequence[Field], make: Callable[[Field], Sequence[Any] | None]
) -> pa.RecordBatch:
    """The rows with each column for which `make` gives values."""
    columns = dict(zip(rows.schema.names, rows.columns, strict=True))
    for field in fields:
        made = make(field)
        if made is not None:
            columns[field.output] = pa.array(made, columns[field.output].type)
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=rows.schema)


def _hard(case: str, field: Field) -> Sequence[Any] | None:
    """A missing value only where a row may miss it: any other would not come this far."""
    cells = field.column_type.hard_cells().get(case)
    if cells is None or not field.required:
        return cells
    missing = is_missing(pa.array(cells, field.type))
    return None if pc.any(missing).as_py() else cells


def _every_value(
    rows: pa.RecordBatch, fields: Sequence[Field], values: Mapping[str, Sequence[str]]
) -> pa.RecordBatch | None:
    """As many rows as the greatest vocabulary has values: each value stands in one of them."""
    count = max((len(v) for v in values.values()), default=0)
    if not count:
        return None

    def make(field: Field) -> Sequence[Any] | None:
        own = values.get(field.output)
        if own is None:
            return None
        texts = [own[at % len(own)] for at in range(count)]
        return [[text] for text in texts] if field.column_type.is_list() else texts

    return _replaced(_repeated(rows, count), fields, make)
