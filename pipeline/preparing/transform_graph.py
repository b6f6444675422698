"""tf.Transform's output: the graph of what prepare does to a row, made once all is learned.

    transform_fn/               a SavedModel; its signature takes the inputs by name
        assets/NAME.tfrecord.gz     the values of a vocabulary in the order of their ids
    metadata/                   the raw features: those of inputs, heads and weight
    transformed_metadata/       the features of an example

`tft.TFTransformOutput` reads the folder. Values are gzip TFRecords because a text file would lose
line ends and the empty text. No row and no Beam is needed: nothing is left to analyse.
"""

import json
import keyword
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.graph_context import TFGraphContext
from tensorflow_transform.impl_helper import get_traced_transform_fn
from tensorflow_transform.saved.saved_transform_io_v2 import trace_and_update_module
from tensorflow_transform.tf_metadata.metadata_io import write_metadata
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter

from kinds import datetimes
from kinds.columns.columns import MISSING
from pipeline import spec as specs
from pipeline.fields import Fields
from pipeline.preparing import raw_tensors
from pipeline.preparing.example_counts import written as written_features
from pipeline.preparing.learning import Learned
from pipeline.preparing.preprocessing import preprocessing_fn

Layout = tft.TFTransformOutput
ASSET_SUFFIX = ".tfrecord.gz"
# What stands for a value that is not there, by the type of a raw feature.
_MISSING: dict[Any, dict[str, Any]] = {
    tf.string: {"bytes_value": MISSING},
    tf.float32: {"float_value": np.nan},
    tf.int64: {"int_value": datetimes.MISSING},
}
_Default = schema_pb2.TensorRepresentation.DefaultValue
_TYPES = {tf.string: "BYTES", tf.float32: "FLOAT", tf.int64: "INT"}


def write(learned: Learned, spec: specs.Spec, fields: Fields, folder: Path) -> None:
    """Writes the transform graph into a folder of this machine."""
    preprocess, written = preprocessing_fn(spec, learned), written_features(spec)
    raw = TensorAdapter(raw_tensors.adapter_config(fields)).OriginalTypeSpecs()
    with TemporaryDirectory() as scratch:
        paths = _write_vocabularies(learned, Path(scratch))

        def traced(rows: dict[str, Any]) -> dict[str, Any]:
            _add_assets(paths)
            made = preprocess(rows)
            return {name: made[name] for name in written}

        module = tf.Module()
        context = TFGraphContext(module, temp_dir=None, evaluated_replacements=None)
        function = get_traced_transform_fn(traced, raw, context)
        made = trace_and_update_module(module, function, "transform_fn", False).structured_outputs
        inputs = [*fields.raw_of(fields.inputs)]
        signature = _signature(module.transform_fn, raw, inputs)
        model = str(folder / Layout.TRANSFORM_FN_DIR)
        tf.saved_model.save(module, model, signatures=signature)
    shapes = {name: tf.type_spec_from_value(tensor) for name, tensor in made.items()}
    _write_schema(raw, folder / Layout.RAW_METADATA_DIR, _MISSING)
    _write_schema(shapes, folder / Layout.TRANSFORMED_METADATA_DIR, {})
    names = json.dumps({path.name.removesuffix(ASSET_SUFFIX): path.name for path in paths})
    (folder / Layout.TRANSFORMED_METADATA_DIR / Layout.ASSET_MAP).write_text(names)


def _write_vocabularies(learned: Learned, folder: Path) -> list[Path]:
    """A file of values for each vocabulary."""
    paths = []
    for name, entries in learned.entries.items():
        paths.append(folder / f"{name}{ASSET_SUFFIX}")
        with tf.io.TFRecordWriter(str(paths[-1]), tf.io.TFRecordOptions("GZIP")) as file:
            for value in entries.values.to_pylist():
                file.write(value.encode())
    return paths


def _add_assets(paths: Iterable[Path]) -> None:
    """Makes files part of the SavedModel in which the function that is being traced ends up."""
    for path in paths:
        with tf.init_scope():
            asset = tf.constant(str(path))
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS, asset)


def _signature(transform: Any, raw: Mapping[str, Any], inputs: Iterable[str]) -> Any:
    """The raw inputs by name to their features: all that a row to be scored has.

    A signature has plain tensors only, so a list is its values and, as NAME_row_splits, where the
    list of each row begins and ends.
    """
    parts = {name: _parts(name, raw) for name in inputs}
    flat = {
        part: tf.TensorSpec([None], dtype, name=part)
        for name, own in parts.items()
        for part, dtype in zip(own, (raw[name].dtype, tf.int64), strict=False)
    }

    def serve(**given: Any) -> dict[str, Any]:
        found = {name: _joined([given[part] for part in own]) for name, own in parts.items()}
        rows = tf.shape(next(iter(found.values())), out_type=tf.int64)[0]
        others = {name: _nothing(spec, rows) for name, spec in raw.items() if name not in found}
        made = transform(*tf.nest.flatten(found | others, expand_composites=True))
        return {
            part: value
            for name, tensor in made.items()
            if name not in others
            for part, value in zip((name, _splits(name, raw)), _plain(tensor), strict=False)
        }

    return tf.function(serve, autograph=False).get_concrete_function(**flat)


def _parts(name: str, raw: Mapping[str, Any]) -> list[str]:
    """What the tensors of a raw feature are called. They are names of arguments: TensorFlow takes
    no underscore at the begin, no dot, no `self`, and no word of Python's own, such as `class`."""
    is_taken = name.startswith("_") or name == "self" or keyword.iskeyword(name)
    own = f"arg_{name}" if is_taken else name
    own = own if "." not in own else _free(own.replace(".", "_"), raw)
    return [own, _splits(own, raw)] if isinstance(raw[name], tf.RaggedTensorSpec) else [own]


def _free(name: str, taken: Iterable[str]) -> str:
    return _free(f"{name}_", taken) if name in taken else name


def _splits(name: str, taken: Iterable[str]) -> str:
    own = f"{name}_row_splits"
    return _splits(f"{name}_", taken) if own in taken else own


def _joined(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tf.RaggedTensor.from_row_splits(*tensors)


def _plain(tensor: Any) -> list[Any]:
    is_ragged = isinstance(tensor, tf.RaggedTensor)
    return [tensor.flat_values, tensor.row_splits] if is_ragged else [tensor]


def _nothing(spec: Any, rows: Any) -> Any:
    """`rows` rows of a raw feature in which nothing is there."""
    if isinstance(spec, tf.RaggedTensorSpec):
        splits = tf.zeros([rows + 1], tf.int64)
        return tf.RaggedTensor.from_row_splits(tf.constant([], spec.dtype), splits)
    return tf.fill([rows], tf.constant(*_MISSING[spec.dtype].values(), spec.dtype))


def _write_schema(
    shapes: Mapping[str, Any], folder: Path, missing: Mapping[Any, dict[str, Any]]
) -> None:
    """The schema of features; one that an Example lacks is what `missing` has for its type."""
    schema = schema_pb2.Schema()
    shown = schema.tensor_representation_group[""].tensor_representation
    for name, spec in shapes.items():
        schema.feature.add(name=name, type=_TYPES[spec.dtype])
        if isinstance(spec, tf.RaggedTensorSpec):
            shown[name].ragged_tensor.feature_path.step.append(name)
            shown[name].ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
            continue
        dense = shown[name].dense_tensor
        dense.column_name = name
        dense.shape.SetInParent()
        for size in spec.shape[1:]:
            dense.shape.dim.add(size=size)
        if spec.dtype in missing:
            dense.default_value.MergeFrom(_Default(**missing[spec.dtype]))
    write_metadata(tft.DatasetMetadata(schema), str(folder))
