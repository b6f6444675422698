"""A sequence in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.columns.columns import MISSING
from kinds.graph import LookUp
from kinds.inputs.ids.graph import ids_of
from kinds.inputs.sequence.naming import weights_of
from kinds.inputs.sequence.spec import MOST_WEIGHT, Sequence
from kinds.inputs.several.graph import last
from kinds.prepare import Known


def features(name: str, part: Sequence, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    if not part.is_weighted:
        return _ids(name, part, raw, look_up, known)
    values, weights = raw
    numbers = last(weights, part.length)
    counted = numbers.with_flat_values(tf.minimum(numbers.flat_values, MOST_WEIGHT))
    return _ids(name, part, values, look_up, known) | {weights_of(name): counted}


def _ids(name: str, part: Sequence, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    texts = last(tf.ragged.boolean_mask(raw, raw != MISSING), part.length)
    return {name: texts.with_flat_values(ids_of(texts.flat_values, look_up, known))}
