"""Rows as a program has them, to Arrow, as the model reads it: frames, dicts of columns, lists of
dicts."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from kinds.columns import Field, cast
from kinds.columns.usual_types import usual
from pipeline.failures import Exit, Failure
from pipeline.near import near_columns

ROWS = "rows are a pyarrow.Table, a frame of pandas or Polars, a dict of columns or a list of dicts"


def rows_with(given: Any, wanted: Sequence[str]) -> pa.Table | pa.RecordBatch:
    """The rows, which have all `wanted` columns. Raises Failure 2 where they do not."""
    # A column may be wanted twice: as an input, and for labels that may not come back.
    wanted = list(dict.fromkeys(wanted))
    rows = as_arrow(given, wanted)
    if isinstance(rows, pa.RecordBatch):
        rows = usual(rows)
    else:
        batches = [usual(batch) for batch in rows.to_batches()]
        rows = pa.Table.from_batches(batches, batches[0].schema) if batches else rows
    if missing := sorted({*wanted} - {*rows.schema.names}):
        names = _names(given)
        rule = "the rows must have the columns that the model names; missing: "
        rule += f"{missing}{near_columns(missing, names)}"
        raise Failure(Exit.USAGE, rule, received=names[:50])
    return rows


def _names(given: Any) -> list[str]:
    """What the columns are called that somebody has, whichever are wanted."""
    if isinstance(given, pa.Table | pa.RecordBatch):
        return list(given.schema.names)
    if isinstance(given, list | tuple):
        return list(dict.fromkeys(str(name) for row in given for name in row))
    return [str(name) for name in (given if isinstance(given, Mapping) else given.columns)]


def typed_rows(rows: pa.RecordBatch, fields: Sequence[Field]) -> pa.RecordBatch:
    """The rows with the types of the fields. Raises Failure 4 for a row that does not fit."""
    typed, _, rejected = cast(rows, list(fields))
    if rejected:
        first = rejected[0]
        rule = f"a row does not fit: {first.reason} in column {first.column!r}"
        raise Failure(Exit.BAD_ROWS, rule, received=first.text[:80])
    return typed


def as_arrow(given: Any, wanted: Sequence[str]) -> pa.Table | pa.RecordBatch:
    """The `wanted` columns, as far as they are there. Raises Failure 2 for what is no rows.

    A dict of a list that lacks a column has it missing, as a line of JSONL has.

    >>> as_arrow([{"x": 1}, {"y": "a"}], ["x", "y"]).to_pydict()
    {'x': [1, None], 'y': [None, 'a']}
    >>> as_arrow({"x": [1.5], "other": [object()]}, ["x", "y"]).to_pydict()
    {'x': [1.5]}
    """
    if isinstance(given, pa.Table | pa.RecordBatch):
        _check_once(given.schema.names, wanted)
        return given.select([name for name in wanted if name in given.schema.names])
    if isinstance(given, Mapping):
        columns = {name: given[name] for name in wanted if name in given}
    elif isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given):
        columns = {name: [row.get(name) for row in given] for name in _known(given, wanted)}
    else:
        return _of_frame(given, wanted)
    return _table({name: _column(name, values) for name, values in columns.items()})


def _known(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> Sequence[str]:
    """All that are wanted, unless no row has any of them but others: then these are other rows."""
    are_others = any(rows) and not any(name in row for row in rows for name in wanted)
    return () if are_others else wanted


def _of_frame(given: Any, wanted: Sequence[str]) -> pa.Table:
    # What is not wanted may be of a type that Arrow does not have.
    names = list(getattr(given, "columns", ()))
    _check_once(names, wanted)
    is_pandas = type(given).__module__.partition(".")[0] == "pandas"
    if not hasattr(given, "columns") or not (is_pandas or hasattr(given, "__arrow_c_stream__")):
        raise Failure(Exit.USAGE, ROWS, received=type(given).__name__)
    chosen = given[[name for name in wanted if name in names]]
    try:
        if is_pandas:
            return pa.Table.from_pandas(_written_periods(chosen), preserve_index=False)
        return pa.table(chosen)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _mixed(str(error)) from None


def _written_periods(frame: Any) -> Any:
    periods = {name: _written(frame[name]) for name in frame if _are_periods(frame[name])}
    return frame.assign(**periods) if periods else frame


def _are_periods(values: Any) -> bool:
    return type(getattr(values, "dtype", None)).__name__ == "PeriodDtype"


def _written(periods: Any) -> Any:
    """The periods of pandas as texts such as 2024-01, as it writes them to CSV: Arrow would have
    their numbers, counted from 1970."""
    return periods.astype("string")


def _check_once(names: Sequence[Any], wanted: Sequence[str]) -> None:
    if twice := sorted(name for name in wanted if names.count(name) > 1):
        raise Failure(Exit.USAGE, "a column must be named once", received=twice)


def _column(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if _are_periods(values):
        values = _written(values)
    if hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values)
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        rule = f"the column {name!r} must be a list of its values; one row is a list of one dict"
        raise Failure(Exit.USAGE, rule, received=repr(values)[:80])
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise _mixed(f"{name!r}: {error}") from None


def _table(columns: dict[str, Any]) -> pa.Table:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise Failure(Exit.USAGE, "all columns must be equally long", received=lengths)
    return pa.table(columns)


def _mixed(said: str) -> Failure:
    rule = "a column must hold values of one type that Arrow has"
    return Failure(Exit.USAGE, rule, received=" ".join(said.split())[:200])
