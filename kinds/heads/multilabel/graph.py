"""A multilabel head in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.graph import column
from kinds.heads.labels.graph import with_missing
from kinds.heads.multilabel.prepare import dropped_name
from kinds.heads.multilabel.spec import Multilabel
from kinds.prepare import Known


def values(part: Multilabel, raw: Any) -> Any:
    return raw


def features(name: str, part: Multilabel, values: Any, ids: Any, known: Known) -> dict[str, Any]:
    labels = values.with_flat_values(with_missing(values.flat_values, ids))
    unknown = tf.cast(labels >= len(known.values), tf.int64)
    return {
        name: _distinct(tf.ragged.boolean_mask(labels, labels < len(known.values))),
        dropped_name(name): column(tf.reduce_sum(unknown, axis=1)),
    }


def _distinct(labels: Any) -> Any:
    """Each row's ids once, rising."""
    width = tf.reduce_max(tf.concat([labels.flat_values, [0]], axis=0)) + 2
    keys = tf.unique(tf.sort(labels.value_rowids() * width + labels.flat_values + 1)).y
    return tf.RaggedTensor.from_value_rowids(keys % width - 1, keys // width, labels.nrows())
