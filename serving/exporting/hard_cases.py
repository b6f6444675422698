"""The rows a certificate is made with: held-out ones, and those that break pipelines.

All are typed rows (kinds.columns). Each hard case is a few held-out rows with some columns
replaced, so that any spec has all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import TYPES, Field, is_missing
from kinds.memory.keys import Keys

Array = npt.NDArray[Any]

ROWS_OF_A_CASE = 4
# Rows in one batch at most: an odd number, which no vector register divides. Of wide rows there are
# less, so that what both sides make of a batch stays below so many bytes.
MOST_ROWS, BATCH_BYTES = 1001, 256 << 20


class Rows(Protocol):
    """The typed rows of a case, a slice at a time."""

    @property
    def num_rows(self) -> int: ...

    def slice(self, offset: int, length: int) -> pa.RecordBatch: ...


def batch_rows(row_bytes: int) -> int:
    """How many rows to compare at once: an odd number.

    >>> batch_rows(1_000), batch_rows(1 << 20), batch_rows(1 << 40)
    (1001, 257, 1)
    """
    return min(MOST_ROWS, BATCH_BYTES // row_bytes | 1)


def hard_cases(
    rows: pa.RecordBatch,
    fields: Sequence[Field],
    values: Mapping[str, Sequence[str]],
    odd_batch: int = MOST_ROWS,
) -> dict[str, Rows]:
    """{case: typed rows}. `fields` are the inputs', `values` the vocabulary of typed columns."""
    few = _repeated(rows, ROWS_OF_A_CASE)
    names = dict.fromkeys(name for kind in TYPES.values() for name in kind.hard_cells())
    cases: dict[str, Rows] = {n: _replaced(few, fields, partial(_hard, n)) for n in names}
    cases["equal_rows"] = _repeated(rows.slice(0, 1), ROWS_OF_A_CASE)
    cases["batch_of_1"] = rows.slice(0, 1)
    cases[f"batch_of_{odd_batch}"] = _repeated(rows, odd_batch)
    if any(values.values()):
        cases["every_value"] = EveryValue(rows, fields, values)
    return cases


def _repeated(rows: pa.RecordBatch, count: int, start: int = 0) -> pa.RecordBatch:
    return rows.take(pa.array(np.arange(start, start + count) % rows.num_rows))


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
    if cells is not None and field.width is not None:
        cells = [cell and cell * field.width for cell in cells]
    if cells is None or not field.required:
        return cells
    missing = is_missing(pa.array(cells, field.type))
    return None if pc.any(missing).as_py() else cells


def rows_of_keys(
    rows: pa.RecordBatch,
    keys: Keys,
    chosen: Array,
    inputs: Mapping[str, tuple[Field, Sequence[str]]],
) -> pa.RecordBatch:
    """Rows that a memory knows: the values of some of its keys stand in them, as far as they are
    texts of a vocabulary; the rest is as in other rows. `inputs` {feature: column, vocabulary}."""
    places: dict[str, dict[int, Array]] = {}
    there = np.ones(len(chosen), bool)
    for part, ids in zip(keys.parts, keys.parts_of(chosen), strict=True):
        if part.feature in inputs:
            places.setdefault(part.feature, {})[part.place or 1] = ids
            there &= ids < len(inputs[part.feature][1])
    cells: dict[str, list[Any]] = {}
    for feature, of_places in places.items():
        field, texts = inputs[feature]
        order = [
            of_places.get(at, of_places[min(of_places)]) for at in range(max(of_places), 0, -1)
        ]
        found = [[texts[of[row]] for of in order] for row in np.flatnonzero(there)]
        cells[field.output] = found if field.column_type.is_list() else [one[-1] for one in found]
    few = _repeated(rows, int(there.sum()))
    used = [field for field, _ in inputs.values() if field.output in cells]
    return _replaced(few, used, lambda field: cells[field.output])


class EveryValue:
    """As many rows as the greatest vocabulary has values: each value stands in one of them.

    They are made when they are asked for: all of them could be more than the memory holds.
    """

    def __init__(
        self, rows: pa.RecordBatch, fields: Sequence[Field], values: Mapping[str, Sequence[str]]
    ) -> None:
        self._rows, self._fields, self._values = rows, fields, values
        self.num_rows = max(map(len, values.values()))

    def slice(self, offset: int, length: int) -> pa.RecordBatch:
        end = min(offset + length, self.num_rows)

        def make(field: Field) -> Sequence[Any] | None:
            own = self._values.get(field.output)
            if not own:
                return None
            texts = [own[at % len(own)] for at in range(offset, end)]
            return [[text] for text in texts] if field.column_type.is_list() else texts

        return _replaced(_repeated(self._rows, end - offset, offset), self._fields, make)
