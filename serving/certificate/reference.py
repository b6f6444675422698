"""The other side of the certificate: what the transform graph and Keras make of typed rows.

Neither Beam nor tf.Transform is needed: the transform graph is a TensorFlow SavedModel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from kinds.columns import Field

Array = npt.NDArray[Any]
Features = dict[str, Array]


@dataclass(frozen=True)
class Reference:
    """`fields` has the typed column of each raw feature: of each input and head.

    `transform` is a loaded transform graph, `padding` maps sequences to (length, missing id).
    """

    transform: Any
    model: keras.Model
    fields: Mapping[str, Field]
    padding: Mapping[str, tuple[int, int]]

    def features(self, typed: pa.RecordBatch) -> Features:
        """The model's inputs, as prepare would have written them."""
        graph = _traced(self.transform)
        (inputs,), _ = graph.structured_input_signature
        raw = {name: self._raw(name, spec, typed) for name, spec in inputs.items()}
        # A loaded graph takes its tensors one by one, in the order of the names.
        made = graph(*tf.nest.flatten(raw, expand_composites=True))
        return {name: self._dense(name, made[name]) for name in self.model.input}

    def outputs(self, features: Features) -> dict[str, Array]:
        """{head: float32 [batch] or [batch, classes]}, before any softmax."""
        tensors = {name: tf.constant(value) for name, value in features.items()}
        return {head: np.asarray(v) for head, v in self.model(tensors, training=False).items()}

    def _raw(self, name: str, spec: Any, typed: pa.RecordBatch) -> Any:
        if name in self.fields:
            return _raw_tensor(typed.column(self.fields[name].output), spec)
        # What no feature depends on, the weight of a row: the graph wants it all the same.
        return tf.ones([typed.num_rows, *spec.shape[1:]], spec.dtype)

    def _dense(self, name: str, made: Any) -> Array:
        kind = self.model.input[name].dtype
        if name in self.padding:
            return _left_padded(made, *self.padding[name]).astype(kind)
        values = tf.sparse.to_dense(made) if isinstance(made, tf.SparseTensor) else made
        return np.asarray(values).reshape(-1).astype(kind)


def load_transform(folder: Path) -> Any:
    """The SavedModel in OUT/run/transform."""
    return tf.saved_model.load(str(folder / "transform_fn"))


def _traced(transform: Any) -> Any:
    """The graph's one trace; tf.Transform saves it with a function around it, or without."""
    saved = transform.transform_fn
    return saved.concrete_functions[0] if hasattr(saved, "concrete_functions") else saved


def _raw_tensor(column: pa.Array, spec: Any) -> Any:
    """A typed column in the layout that the graph was traced with. Missing text is empty text."""
    if isinstance(spec, tf.TensorSpec):
        missing = "" if spec.dtype == tf.string else np.nan
        values = pc.fill_null(column, missing).to_numpy(zero_copy_only=False)
        dense = tf.constant(values, spec.dtype)
        return dense[:, None] if spec.shape.rank == 2 else dense
    ragged = _ragged(column, spec.dtype)
    return ragged.to_sparse() if isinstance(spec, tf.SparseTensorSpec) else ragged


def _ragged(column: pa.Array, dtype: tf.DType) -> tf.RaggedTensor:
    """Lists as they are; of single values those that are not null, each as a list of one."""
    if pa.types.is_list(column.type):
        counts = pc.fill_null(pc.list_value_length(column), 0)
        values = pc.fill_null(column.flatten(), "")
    else:
        counts, values = column.is_valid().cast(pa.int64()), column.drop_null()
    array = values.to_numpy(zero_copy_only=False)
    lengths = counts.to_numpy(zero_copy_only=False).astype(np.int64)
    return tf.RaggedTensor.from_row_lengths(
        tf.constant(array, dtype, shape=(len(array),)), tf.constant(lengths)
    )


def _left_padded(ids: Any, length: int, missing_id: int) -> Array:
    """Ragged or sparse ids -> int [batch, length]: the last ones, the missing id before them."""
    ragged = tf.RaggedTensor.from_sparse(ids) if isinstance(ids, tf.SparseTensor) else ids
    padded = np.full((int(ragged.shape[0]), length), missing_id, np.int64)
    for row, values in zip(padded, ragged, strict=True):
        last = np.asarray(values)[-length:]
        row[length - len(last) :] = last
    return padded
