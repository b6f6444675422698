"""Columns of results, from the outputs of small batches: numbers, and labels instead of ids."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.heads.score import FileHead
from kinds.lists import lists_of
from serving.model_file.answers import Ragged
from serving.model_file.network import Arrays


def joined(
    parts: Sequence[Arrays],
    schema: pa.Schema,
    labels: Mapping[str, pa.Array],
    limited: Sequence[FileHead],
) -> pa.RecordBatch:
    """All parts one after the other. `labels` by id, of the columns that have ids; of the heads
    that are `limited` the places without a label that is left fall away."""
    if not parts:
        return pa.RecordBatch.from_pylist([], schema=schema)
    ids_beside = {column: head.outputs[0] for head in limited for column in head.outputs}
    entries = {head.outputs[0]: head.entries for head in limited}

    def column(name: str, kind: pa.DataType) -> pa.Array:
        own = [part[name] for part in parts]
        if isinstance(own[0], Ragged):
            flat, counts = (np.concatenate(of) for of in zip(*own, strict=True))
            return _lists(flat, counts, labels.get(name))
        values = np.concatenate(own)
        if name not in ids_beside:
            return _column(values, kind, labels.get(name))
        ids = ids_beside[name]
        is_left = np.concatenate([part[ids] for part in parts]) < entries[ids]
        return _lists(values[is_left], is_left.sum(axis=1), labels.get(name))

    columns = [column(*one) for one in zip(schema.names, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: npt.NDArray[Any], kind: pa.DataType, labels: pa.Array | None) -> pa.Array:
    """Numbers, lists of numbers, or of ids lists of the labels that they stand for."""
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    rows, width = values.shape
    return _lists(values.ravel(), np.full(rows, width), labels)


def _lists(
    values: npt.NDArray[Any], lengths: npt.NDArray[np.int64], labels: pa.Array | None
) -> pa.Array:
    flat = pa.array(values)
    return lists_of(flat if labels is None else labels.take(flat), lengths)
