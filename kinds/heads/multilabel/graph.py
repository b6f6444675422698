"""A multilabel head in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.graph import LookUp
from kinds.heads.labels.graph import ids_of
from kinds.heads.multilabel.spec import Multilabel
from kinds.prepare import Known


def features(
    name: str, part: Multilabel, raw: Any, look_up: LookUp, known: Known
) -> dict[str, Any]:
    labels = raw.with_flat_values(ids_of(raw.flat_values, look_up))
    return {name: _distinct(tf.ragged.boolean_mask(labels, labels < len(known.values)))}


def _distinct(labels: Any) -> Any:
    """Each row's ids once, rising."""
    width = tf.reduce_max(tf.concat([labels.flat_values, [0]], axis=0)) + 2
    keys = tf.unique(tf.sort(labels.value_rowids() * width + labels.flat_values + 1)).y
    return tf.RaggedTensor.from_value_rowids(keys % width - 1, keys // width, labels.nrows())
