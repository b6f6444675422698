"""The transform graph: from raw features to the features of an example.

`preprocessing_fn` is a plain TensorFlow function; tables, means and boundaries are constants in it,
because they are learned already. Nothing here reads rows. The graph is the record of what prepare
does to a row; pipeline.preparing.features does the same to many rows at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from kinds.graph import Graph, LookUp, column
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
        values = {name: learned.entries[name].values.to_pylist() for name in spec.vocabularies}
        look_ups = _look_ups(values)
        look_ups |= {p.vocabulary: _pairs(p.vocabulary, learned.known[n].codes) for n, p in pairs}
        outputs: Tensors = {}
        for name in sorted(kinds, key=lambda one: columns[one] == 0):
            kind, part = kinds[name]
            # Each user has a look-up of its own: an input's features must not hang on the targets,
            # which rows to be scored lack.
            look_up = look_ups[vocabulary_of[name]] if name in vocabulary_of else None
            own = [raw[one] for one in raw_names(name, columns[name])]
            given = one_or_all(own) if own else outputs
            outputs |= kind.features(name, part, given, look_up, learned.known[name])
        if spec.weight is not None:
            outputs[WEIGHT] = column(raw[WEIGHT])
        return outputs

    return preprocess


def _look_ups(values: Mapping[str, Sequence[str]]) -> dict[str, LookUp]:
    """By vocabulary: each value to its place, all others to the place after the last.

    All are in one table, each value behind the number of its vocabulary: a table is saved and
    loaded as several functions, which of hundreds of vocabularies took longer than all else.
    """
    marked = {name: f"{at}/".encode() for at, name in enumerate(values)}
    keys = [marked[name] + value.encode() for name, own in values.items() for value in own]
    places = [place for own in values.values() for place in range(len(own))]
    if not keys:
        return {}
    table = _table("vocabularies", keys, places, -1)

    def look_up(name: str, texts: Any) -> Any:
        found = table.lookup(tf.strings.join([marked[name], texts]))
        return tf.where(found < 0, tf.constant(len(values[name]), tf.int64), found)

    return {name: partial(look_up, name) for name in values}


def _pairs(name: str, codes: npt.NDArray[np.int64]) -> LookUp:
    """Each code of a pair to its place, all others to the place after the last."""
    look_up: LookUp = _table(f"vocabulary_{name}", codes, range(len(codes)), len(codes)).lookup
    return look_up


def _table(name: str, keys: Any, places: Sequence[int], other: int) -> Any:
    def table() -> Any:
        filled = tf.lookup.KeyValueTensorInitializer(
            tf.constant(keys), tf.constant(places, tf.int64)
        )
        return tf.lookup.StaticHashTable(filled, other)

    return tft.make_and_track_object(table, name=name)
