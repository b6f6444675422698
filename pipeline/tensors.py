"""Typed rows as the record batches that tf.Transform reads, and what it is told about them.

Raw features carry the names of inputs and heads. Text goes as bytes, and a missing label as one
byte that no UTF-8 text holds, so that it stays apart from the empty string.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from kinds.columns import Field
from pipeline.fields import Fields
from pipeline.statistics import WEIGHT

MISSING = b"\xff"
# Where a row comes from: file * 2^42 + row * 4 + side. Passes by the transform graph.
ORIGIN = "row.origin"


def raw_features(fields: Fields) -> dict[str, Field]:
    """Raw feature to the field that it is made from."""
    features = {**fields.inputs, **fields.heads}
    if fields.weight is not None:
        features[WEIGHT] = fields.weight
    return features


def adapter_config(fields: Fields) -> TensorAdapterConfig:
    """Text and numbers are dense [batch]; lists are ragged [batch, None]."""
    schema, kinds = _arrow_schema(fields), raw_features(fields)
    return TensorAdapterConfig(
        schema.append(pa.field(ORIGIN, pa.list_(pa.int64()))),
        {name: _representation(name, field.kind) for name, field in kinds.items()},
    )


def record_batch(typed: pa.RecordBatch, fields: Fields, origin: pa.Array) -> pa.RecordBatch:
    """The batch that tf.Transform reads. `origin` is int64 [rows]."""
    arrays = [_column(typed.column(f.output), f.kind) for f in raw_features(fields).values()]
    schema = _arrow_schema(fields).append(pa.field(ORIGIN, pa.list_(pa.int64())))
    return pa.RecordBatch.from_arrays([*arrays, _one_each(origin)], schema=schema)


def _arrow_schema(fields: Fields) -> pa.Schema:
    numeric = ("number", "flag")
    return pa.schema(
        [
            (name, pa.list_(pa.float32() if field.kind in numeric else pa.binary()))
            for name, field in raw_features(fields).items()
        ]
    )


def _representation(name: str, kind: str) -> schema_pb2.TensorRepresentation:
    shown = schema_pb2.TensorRepresentation()
    if kind == "list":
        shown.ragged_tensor.feature_path.step.append(name)
        shown.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    else:
        shown.dense_tensor.column_name = name
        shown.dense_tensor.shape.SetInParent()
    return shown


def _column(column: pa.Array, kind: str) -> pa.Array:
    if kind == "text":
        return _one_each(pc.fill_null(column.cast(pa.binary()), MISSING))
    if kind == "list":
        return _list(column)
    return _one_each(column)


def _list(column: pa.Array) -> pa.Array:
    """A missing element becomes the empty text, a missing list the one element MISSING."""
    column = column.cast(pa.list_(pa.binary()))
    if column.null_count:
        column = pc.if_else(column.is_null(), pa.scalar([MISSING], column.type), column)
    values = pc.fill_null(column.flatten(), b"")
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _one_each(values: pa.Array) -> pa.Array:
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int32))
    return pa.ListArray.from_arrays(offsets, values)
