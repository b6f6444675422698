"""A sequence in the network: the vectors of its last values, made one, by weights if it has any."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import tensorflow as tf
from keras import ops

from kinds.inputs.ids.numbering import missing_id
from kinds.inputs.sequence.naming import weights_of
from kinds.inputs.sequence.spec import Sequence
from kinds.inputs.several import network as several
from kinds.inputs.several.everywhere import at_places as at_places
from kinds.inputs.several.network import ids as ids
from kinds.inputs.several.network import is_side_by_side as is_side_by_side
from kinds.inputs.several.network import left_padded
from kinds.parsing import SEVERAL_NUMBERS, Arrays, Feature, Vector, Vectors


def features(name: str, part: Sequence, entries: Mapping[str, int]) -> dict[str, Feature]:
    found = several.features(name, part, entries)
    if part.is_weighted:
        numbers = partial(left_padded, length=part.length, padding=0.0)
        weights = Feature(SEVERAL_NUMBERS, tf.float32, numbers, (part.length,), _nothing)
        found[weights_of(name)] = weights
    return found


def _nothing(name: str, values: np.ndarray) -> Arrays:
    """Nobody counts weights."""
    return {}


def vector(
    name: str, part: Sequence, inputs: Vectors, looked_up: Vector, entries: Mapping[str, int]
) -> Vector:
    if not part.is_weighted:
        return several.vector(name, part, inputs, looked_up, entries)
    real = ops.not_equal(inputs[name], missing_id(entries[part.vocabulary]))
    return weighted(looked_up, real, inputs[weights_of(name)], part.combine)


def weighted(vectors: Vector, real: Vector, weights: Vector, how: str) -> Vector:
    """The sum of [batch, length, width], each times its weight [batch, length], or their mean by
    the sum of the weights: 0 where that is 0."""
    share = ops.expand_dims(ops.multiply(ops.cast(real, "float32"), weights), -1)
    total = ops.sum(ops.multiply(vectors, share), axis=1)
    if how == "sum":
        return total
    whole = ops.sum(share, axis=1)
    return ops.divide(total, ops.where(ops.greater(whole, 0.0), whole, 1.0))
