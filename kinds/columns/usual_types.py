"""Columns in the types that Arrow computes with, where a file or a frame has rarer ones of the same
values: views of texts (Polars), views of lists, runs, flags of eight bits."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.lists import list_lengths

_VIEWS = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def usual(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The same batch where all its columns are usual."""
    if all(_is_usual(kind) for kind in rows.schema.types):
        return rows
    columns = [one if _is_usual(one.type) else _usual(one) for one in rows.columns]
    return pa.RecordBatch.from_arrays(columns, names=rows.schema.names)


def _is_usual(kind: pa.DataType) -> bool:
    rare = isinstance(kind, pa.Bool8Type | pa.RunEndEncodedType) or kind in _VIEWS
    if rare or pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return False
    inside = pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return not inside or _is_usual(kind.value_type)


def _usual(column: pa.Array) -> pa.Array:
    kind = column.type
    if isinstance(kind, pa.RunEndEncodedType):
        column = pc.run_end_decode(column)
        return column if _is_usual(column.type) else _usual(column)
    if isinstance(kind, pa.Bool8Type):
        return column.storage.cast(pa.bool_())
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(column.indices, _usual(column.dictionary))
    if kind in _VIEWS:
        return column.cast(_VIEWS[kind])
    values = column.flatten()
    values = values if _is_usual(values.type) else _usual(values)
    offsets = np.append(0, np.cumsum(list_lengths(column)))
    return pa.LargeListArray.from_arrays(pa.array(offsets), values, mask=column.is_null())
