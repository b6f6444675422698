"""A sequence in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.graph import MISSING
from kinds.inputs.ids.graph import with_missing
from kinds.inputs.sequence.spec import Sequence
from kinds.prepare import Known


def values(part: Sequence, raw: Any) -> Any:
    """The last `length` of each list, oldest first; a missing list is an empty one."""
    lists = tf.ragged.boolean_mask(raw, raw != MISSING)
    index = tf.ragged.range(lists.row_lengths()).flat_values
    first = tf.repeat(lists.row_lengths() - part.length, lists.row_lengths())
    return tf.ragged.boolean_mask(lists, lists.with_flat_values(index >= first))


def features(name: str, part: Sequence, values: Any, ids: Any, known: Known) -> dict[str, Any]:
    return {name: values.with_flat_values(with_missing(values.flat_values, ids, known))}
