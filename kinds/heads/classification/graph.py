"""A classification in the transform graph."""

from typing import Any

import tensorflow as tf

from kinds.graph import LookUp, column
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.graph import ids_of
from kinds.heads.labels.numbering import filtered
from kinds.prepare import Known


def features(
    name: str, part: Classification, raw: Any, look_up: LookUp, known: Known
) -> dict[str, Any]:
    if part.filtered:
        targets, left_out = raw
        ids = left_out.with_flat_values(look_up(left_out.flat_values))
        kept = tf.ragged.boolean_mask(ids, ids < len(known.values))
        return {**_targets(name, targets, look_up), filtered(name): kept}
    return _targets(name, raw, look_up)


def _targets(name: str, raw: Any, look_up: LookUp) -> dict[str, Any]:
    if isinstance(raw, tf.RaggedTensor):  # what comes next, at every place of a list
        return {name: raw.with_flat_values(ids_of(raw.flat_values, look_up))}
    return {name: column(ids_of(raw, look_up))}
