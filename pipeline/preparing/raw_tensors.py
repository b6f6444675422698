"""Typed rows as the record batches that tf.Transform reads, and what it is told about them.

Raw features carry the names of inputs and heads. They are as kinds.columns.types says.
"""

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from kinds.columns import Field
from kinds.columns.readings import as_read
from kinds.lists import one_each
from kinds.names import WEIGHT
from pipeline.fields import Fields

# Where a row comes from: file * 2^42 + row * 4 + side. Passes by the transform graph.
ORIGIN = "row.origin"


def raw_features(fields: Fields) -> dict[str, Field]:
    """Raw feature to the field that it is made from."""
    features = fields.raw()
    if fields.weight is not None:
        features[WEIGHT] = fields.weight
    return features


def adapter_config(fields: Fields) -> TensorAdapterConfig:
    """Text and numbers are dense [batch]; lists are ragged [batch, None]."""
    schema, raw = _arrow_schema(fields), raw_features(fields)
    return TensorAdapterConfig(
        schema.append(pa.field(ORIGIN, pa.list_(pa.int64()))),
        {name: _representation(name, field) for name, field in raw.items()},
    )


def record_batch(typed: pa.RecordBatch, fields: Fields, origin: pa.Array) -> pa.RecordBatch:
    """The batch that tf.Transform reads. `origin` is int64 [rows]."""
    raw = raw_features(fields).values()
    arrays = [f.column_type.raw(as_read(typed.column(f.output), f.reading)) for f in raw]
    schema = _arrow_schema(fields).append(pa.field(ORIGIN, pa.list_(pa.int64())))
    return pa.RecordBatch.from_arrays([*arrays, one_each(origin)], schema=schema)


def _arrow_schema(fields: Fields) -> pa.Schema:
    columns = raw_features(fields).items()
    return pa.schema([(n, f.column_type.raw(pa.array([], f.type)).type) for n, f in columns])


def _representation(name: str, field: Field) -> schema_pb2.TensorRepresentation:
    shown = schema_pb2.TensorRepresentation()
    if field.column_type.is_list():
        shown.ragged_tensor.feature_path.step.append(name)
        shown.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    else:
        shown.dense_tensor.column_name = name
        shown.dense_tensor.shape.SetInParent()
    return shown
