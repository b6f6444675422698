"""The rows a certificate is made with: held-out ones, and those that break pipelines.

All are typed rows (kinds.columns). Each hard case is a few held-out rows with some columns
replaced, so that any spec has all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.columns import Field

ROWS_OF_A_CASE = 4
ODD_BATCH = 1001
HUGE = (1e9, -1e9, 3.4e38, -3.4e38)
SMALL = (0.0, -0.0, 1e-30, -1.0)
TEXTS: dict[str, tuple[str, ...]] = {
    "unseen": ("\x1f no such value \x1f", "0" * 40, "NULL", "nan"),
    "empty_text": ("", "", "", ""),
    "spaces": (" ", "\t", "a ", "\n"),
    "long_text": ("x" * 100_000, "é" * 50_000, "🙂" * 20_000, "\u0301" * 10_000),
    "unicode": ("🙂", "👩\u200d👩\u200d👧", "e\u0301", "\u00e9"),
    "control": ("\x00", "a\x00b", "\ufeffa", "\u202ea"),
}


def hard_cases(
    rows: pa.RecordBatch, fields: Sequence[Field], values: Mapping[str, Sequence[str]]
) -> dict[str, pa.RecordBatch]:
    """{case: typed rows}. `fields` are the inputs', `values` the vocabulary of typed columns."""
    few = _repeated(rows, ROWS_OF_A_CASE)
    cases = {name: _with_texts(few, fields, texts) for name, texts in TEXTS.items()}
    cases["missing_numbers"] = _with_numbers(few, fields, [np.nan] * ROWS_OF_A_CASE)
    cases["huge_numbers"] = _with_numbers(few, fields, HUGE)
    cases["small_numbers"] = _with_numbers(few, fields, SMALL)
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


def _with_texts(
    rows: pa.RecordBatch, fields: Sequence[Field], texts: Sequence[str]
) -> pa.RecordBatch:
    lists = [[text, None, text] for text in texts]

    def make(field: Field) -> Sequence[Any] | None:
        return {"text": texts, "list": lists}.get(field.kind)

    return _replaced(rows, fields, make)


def _with_numbers(
    rows: pa.RecordBatch, fields: Sequence[Field], numbers: Sequence[float]
) -> pa.RecordBatch:
    """A missing number only where a row may miss it: any other would not come this far."""

    def make(field: Field) -> Sequence[Any] | None:
        is_refused = field.required and bool(np.isnan(numbers).any())
        return numbers if field.kind == "number" and not is_refused else None

    return _replaced(rows, fields, make)


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
        return texts if field.kind == "text" else [[text] for text in texts]

    return _replaced(_repeated(rows, count), fields, make)
