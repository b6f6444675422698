"""The transform graph: from raw features to the features of an example.

`preprocessing_fn` is a plain TensorFlow function; tables, means and boundaries are constants in it,
because they are learned already. Nothing here reads rows. The graph is the record of what prepare
does to a row; pipeline.features does the same to many rows at a time.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from kinds.graph import Graph, column
from kinds.heads.graph import KINDS as HEADS
from kinds.inputs.graph import KINDS as INPUTS
from pipeline import spec as specs
from pipeline.fields import WEIGHT
from pipeline.learning import Learned

Tensors = dict[str, Any]


def preprocessing_fn(spec: specs.Spec, learned: Learned) -> Callable[[Tensors], Tensors]:
    """The function for tf.Transform: raw features [batch] or ragged [batch, None] to features."""
    kinds: dict[str, tuple[Graph, Any]] = {}
    kinds |= {name: (INPUTS[part.kind], part) for name, part in spec.inputs.items()}
    kinds |= {name: (HEADS[part.kind], part) for name, part in spec.heads.items()}

    def preprocess(raw: Tensors) -> Tensors:
        values = {name: kind.values(part, raw[name]) for name, (kind, part) in kinds.items()}
        ids = _ids(spec.vocabulary_of(), values, learned)
        outputs: Tensors = {}
        for name, (kind, part) in kinds.items():
            outputs |= kind.features(name, part, values[name], ids.get(name), learned.known[name])
        if spec.weight is not None:
            outputs[WEIGHT] = column(raw[WEIGHT])
        return outputs

    return preprocess


def _ids(vocabulary_of: dict[str, str], texts: Tensors, learned: Learned) -> Tensors:
    """The place of each flat text in its vocabulary, by the name of the input or head.

    One look-up for all users of a vocabulary: each one more would be a table more.
    """
    ids: Tensors = {}
    for vocabulary, entries in learned.entries.items():
        users = [name for name, used in vocabulary_of.items() if used == vocabulary]
        flat = [_flat(texts[user]) for user in users]
        found = _table(vocabulary, entries.values.to_pylist()).lookup(tf.concat(flat, axis=0))
        parts = tf.split(found, [tf.size(text) for text in flat], num=len(flat))
        ids.update(zip(users, parts, strict=True))
    return ids


def _flat(text: Any) -> Any:
    return text.flat_values if isinstance(text, tf.RaggedTensor) else text


def _table(name: str, values: list[str]) -> Any:
    """Each value to its place, all others to the place after the last."""
    return tft.make_and_track_object(
        lambda: tf.lookup.StaticVocabularyTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant([value.encode() for value in values], tf.string),
                tf.range(len(values), dtype=tf.int64),
            ),
            num_oov_buckets=1,
        ),
        name=f"vocabulary_{name}",
    )
