"""The other side of the certificate: what the transform graph and Keras make of typed rows.

Neither Beam nor tf.Transform is needed: the transform graph is a TensorFlow SavedModel.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tensorflow as tf

from kinds.columns import Field
from kinds.columns.lists import left_padded
from kinds.lists import list_lengths
from kinds.memory.averages.table import Remembered
from kinds.memory.head_counts import HeadCounts
from kinds.memory.mixture import Mixture

Array = npt.NDArray[Any]

# Bytes of the copies of one number that a head gives: sums and probabilities of both sides, masks.
COPIES, MIXED_COPIES = 32, 64


@dataclass(frozen=True)
class Reference:
    """`fields` has the typed column of each raw feature: of each input and head.

    `transform` is a loaded transform graph, `padding` maps sequences to (length, missing id),
    `averages` are the features that memories make of the others, `counts` what heads know of labels
    by memories.
    """

    transform: Any
    model: keras.Model
    fields: Mapping[str, Field]
    padding: Mapping[str, tuple[int, int]]
    averages: Mapping[str, Remembered] = field(default_factory=dict)
    counts: Mapping[str, HeadCounts] = field(default_factory=dict)
    _inner: dict[Any, keras.Model] = field(default_factory=dict, init=False, compare=False)

    def features(self, typed: pa.RecordBatch) -> dict[str, Array]:
        """The model's inputs, as prepare would have written them."""
        graph = _traced(self.transform)
        (inputs,), _ = graph.structured_input_signature
        raw = {name: self._raw(name, spec, typed) for name, spec in inputs.items()}
        # A loaded graph takes its tensors one by one, in the order of the names.
        made = graph(*tf.nest.flatten(raw, expand_composites=True))
        given = {name: self._dense(name, made[name]) for name in self.model.input if name in made}
        return given | {name: memory.said(given) for name, memory in self.averages.items()}

    def outputs(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """{head: float32 [batch] or [batch, classes]}, before any softmax."""
        return _computed(self.model, features)

    def inner(
        self, features: Mapping[str, Array], hidden: Sequence[str], others: Sequence[str] = ()
    ) -> dict[str, Array]:
        """The vectors, float32 [batch, width], that the logits of heads are a product of, and what
        the `others` give."""
        heads = tuple(hidden), tuple(others)
        if heads not in self._inner:
            tensors = {name: _hidden(self.model, name) for name in hidden}
            tensors |= {name: self.model.output[name] for name in others}
            self._inner[heads] = keras.Model(self.model.input, tensors)
        return _computed(self._inner[heads], features)

    def mixture(self, head: str, features: Mapping[str, Array]) -> Mixture | None:
        """What the memories of a head say of rows with these features, if it has any."""
        if head not in self.counts:
            return None
        own = self.counts[head]
        read = own.gates.hidden is not None
        return own.mixture(features, self.inner(features, [head])[head] if read else None)

    def _raw(self, name: str, spec: Any, typed: pa.RecordBatch) -> Any:
        if name in self.fields:
            field = self.fields[name]
            return _tensor(field.column_type.raw(typed.column(field.output)), spec)
        # What no feature depends on, the weight of a row: the graph wants it all the same.
        return tf.ones([typed.num_rows, *spec.shape[1:]], spec.dtype)

    def _dense(self, name: str, made: Any) -> Array:
        wanted = self.model.input[name]
        if not isinstance(made, tf.RaggedTensor):
            return np.asarray(made).reshape(-1, *wanted.shape[1:]).astype(wanted.dtype)
        # Lists of numbers, such as weights, are padded with 0.
        length, padding = self.padding.get(name, (wanted.shape[1], 0))
        values, lengths = made.values.numpy(), made.row_lengths().numpy()
        return left_padded(values, lengths, length, padding).astype(wanted.dtype)


def hidden_vectors(model: keras.Model, head: str, features: Mapping[str, Array]) -> Array:
    """What the logits of a head with labels are a product of, float32 [rows, width]."""
    hidden = keras.Model(model.input, {head: _hidden(model, head)})
    return _computed(hidden, {name: features[name] for name in model.input})[head]


def _hidden(model: keras.Model, head: str) -> keras.KerasTensor:
    return model.get_layer(f"{head}.logits").input


def _computed(model: keras.Model, features: Mapping[str, Array]) -> dict[str, Array]:
    tensors = {name: tf.constant(value) for name, value in features.items()}
    return {name: np.asarray(v) for name, v in model(tensors, training=False).items()}


def row_bytes(model: keras.Model, *, is_mixed: bool = False, with_results: bool = True) -> int:
    """About how much memory a row takes while it is compared: the network's own tensors, the texts
    of its features, and some copies of what it gives, in float64 where memories are mixed in."""
    made = [
        tensor
        for operation in model.operations
        for node in operation._inbound_nodes
        for tensor in node.output_tensors
    ]
    texts, results = ([*tensors.values()] for tensors in (model.input, model.output))
    copies = MIXED_COPIES if is_mixed else COPIES
    of_results = copies * _numbers(results) if with_results else -4 * _numbers(results)
    return 4 * _numbers(made) + 100 * _numbers(texts) + of_results


def _numbers(tensors: Sequence[keras.KerasTensor]) -> int:
    """In one row of these [rows, ...]."""
    return sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)


def load_transform(folder: Path) -> Any:
    """The SavedModel in OUT/run/transform."""
    return tf.saved_model.load(str(folder / "transform_fn"))


def _traced(transform: Any) -> Any:
    """The graph's one trace; tf.Transform saves it with a function around it, or without."""
    saved = transform.transform_fn
    return saved.concrete_functions[0] if hasattr(saved, "concrete_functions") else saved


def _tensor(lists: pa.Array, spec: Any) -> Any:
    """Raw features as the graph was traced with them: lists, or the only value of each."""
    values = tf.constant(lists.flatten().to_numpy(zero_copy_only=False), spec.dtype)
    if isinstance(spec, tf.TensorSpec):
        return values
    return tf.RaggedTensor.from_row_lengths(values, list_lengths(lists))
