"""A sequence in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.columns.columns import MISSING
from kinds.graph import LookUp
from kinds.inputs.ids.graph import ids_of
from kinds.inputs.sequence.naming import weights_of
from kinds.inputs.sequence.spec import MOST_WEIGHT, Sequence
from kinds.prepare import Known


def features(name: str, part: Sequence, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    if part.weights is None:
        return _ids(name, part, raw, look_up, known)
    values, weights = raw
    numbers = _last(weights, part.length)
    counted = numbers.with_flat_values(tf.minimum(numbers.flat_values, MOST_WEIGHT))
    return _ids(name, part, values, look_up, known) | {weights_of(name): counted}


def _ids(name: str, part: Sequence, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    texts = _last(tf.ragged.boolean_mask(raw, raw != MISSING), part.length)
    return {name: texts.with_flat_values(ids_of(texts.flat_values, look_up, known))}


def _last(lists: Any, length: int) -> Any:
    """The last `length` of each list, oldest first."""
    index = tf.ragged.range(lists.row_lengths()).flat_values
    first = tf.repeat(lists.row_lengths() - length, lists.row_lengths())
    return tf.ragged.boolean_mask(lists, lists.with_flat_values(index >= first))
