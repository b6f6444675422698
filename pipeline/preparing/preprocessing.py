"""The transform graph: from raw features to the features of an example.

`preprocessing_fn` is a plain TensorFlow function; tables, means and boundaries are constants in it,
because they are learned already. Nothing here reads rows. The graph is the record of what prepare
does to a row; pipeline.preparing.features does the same to many rows at a time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from kinds.graph import Graph, column
from kinds.heads.graph import KINDS as HEADS
from kinds.inputs.graph import KINDS as INPUTS
from kinds.names import WEIGHT
from pipeline import spec as specs
from pipeline.fields import fields_of, one_or_all, raw_names
from pipeline.preparing.learning import Learned

Tensors = dict[str, Any]


def preprocessing_fn(spec: specs.Spec, learned: Learned) -> Callable[[Tensors], Tensors]:
    """The function for tf.Transform: raw features [batch] or ragged [batch, None] to features."""
    kinds: dict[str, tuple[Graph, Any]] = {}
    kinds |= {name: (INPUTS[part.kind], part) for name, part in spec.prepared_inputs().items()}
    kinds |= {name: (HEADS[part.kind], part) for name, part in spec.heads.items()}
    vocabulary_of = spec.vocabulary_of()
    pairs = spec.pairs().items()
    fields = fields_of(spec)
    columns = {name: len(fields.of(name)) for name in kinds}

    def preprocess(raw: Tensors) -> Tensors:
        tables = {
            name: _table(name, learned.entries[name].values.to_pylist())
            for name in spec.vocabularies
        }
        tables |= {p.vocabulary: _pairs(p.vocabulary, learned.known[n].codes) for n, p in pairs}
        outputs: Tensors = {}
        for name in sorted(kinds, key=lambda one: columns[one] == 0):
            kind, part = kinds[name]
            # Each user has a look-up of its own: an input's features must not hang on the targets,
            # which rows to be scored lack.
            look_up = tables[vocabulary_of[name]].lookup if name in vocabulary_of else None
            own = [raw[one] for one in raw_names(name, columns[name])]
            given = one_or_all(own) if own else outputs
            outputs |= kind.features(name, part, given, look_up, learned.known[name])
        if spec.weight is not None:
            outputs[WEIGHT] = column(raw[WEIGHT])
        return outputs

    return preprocess


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


def _pairs(name: str, codes: npt.NDArray[np.int64]) -> Any:
    """Each code of a pair to its place, all others to the place after the last."""
    return tft.make_and_track_object(
        lambda: tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(codes, tf.int64), tf.range(len(codes), dtype=tf.int64)
            ),
            default_value=len(codes),
        ),
        name=f"vocabulary_{name}",
    )
