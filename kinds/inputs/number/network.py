"""A number in the network: itself, with a flag where it may be missing and its ramps, or its
bucket's vector."""

from collections.abc import Mapping

import numpy as np
from keras import ops

from kinds.inputs.number.spec import Number
from kinds.inputs.numbers import network as numbers
from kinds.inputs.numbers.naming import place_of
from kinds.inputs.places import at_places as at_places
from kinds.parsing import ONE_ID, ONE_NUMBER, Feature, Vector, Vectors

# What a ramp rises to. Full ones would drown the number beside them, which is all that a smooth
# dependence needs: with this height three tables of prices and counts were at least as good with
# ramps as without.
HEIGHT = 0.3


def features(name: str, part: Number, entries: Mapping[str, int]) -> dict[str, Feature]:
    if part.buckets is not None:
        return {name: ONE_ID}
    made = numbers.features(name, part.says_missing)
    return made if part.pieces is None else made | {place_of(name): ONE_NUMBER}


def ids(name: str, part: Number, inputs: Vectors) -> Vector:
    return inputs[name]


def vector(
    name: str, part: Number, inputs: Vectors, looked_up: Vector | None, entries: Mapping[str, int]
) -> Vector:
    """[batch, 1], [batch, 2] with its flag, each with its ramps, or [batch, embedding] for
    buckets."""
    if looked_up is not None:
        return looked_up
    number = numbers.vector(name, inputs)
    if not part.ramps:
        return number
    begins = np.arange(part.ramps, dtype=np.float32)
    ramps = ops.clip(ops.expand_dims(inputs[place_of(name)], -1) - begins, 0.0, 1.0)
    return ops.concatenate([number, HEIGHT * ramps], axis=-1)


def is_side_by_side(part: Number) -> bool:
    return part.buckets is not None
