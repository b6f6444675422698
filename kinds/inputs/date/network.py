"""A date in the network: vectors of its ids, places on a circle, and its days as a number."""

import math
from collections.abc import Mapping

from keras import layers, ops

from kinds.inputs.date.spec import SIZES, Date, feature_of
from kinds.inputs.number import network as numbers
from kinds.inputs.places import at_places as at_places
from kinds.parsing import ONE_ID, Feature, Vector, Vectors


def features(name: str, part: Date, entries: Mapping[str, int]) -> dict[str, Feature]:
    found = {feature_of(name, piece): ONE_ID for piece in part.calendar()}
    if "days" in part.ways:
        found |= numbers.features(feature_of(name, "days"), part.days(), entries)
    return found


def ids(name: str, part: Date, inputs: Vectors) -> Vector:
    """[batch, parts]: the rows of the parts that are embedded, one part's below the other's."""
    found, first = [], 0
    for piece, size in part.sizes().items():
        found.append(ops.add(inputs[feature_of(name, piece)], first))
        first += size
    return ops.stack(found, axis=-1)


def vector(
    name: str, part: Date, inputs: Vectors, looked_up: Vector | None, entries: Mapping[str, int]
) -> Vector:
    """[batch, width]: the embeddings, then a sine and a cosine a part, then the days."""
    made = [] if looked_up is None else [layers.Flatten(name=f"{name}.ids")(looked_up)]
    for piece, way in part.ways.items():
        if way == "cyclic":
            made.append(on_a_circle(inputs[feature_of(name, piece)], SIZES[piece]))
    if part.ways.get("days") == "number":
        made.append(numbers.vector(feature_of(name, "days"), part.days(), inputs, None, entries))
    return layers.Concatenate(name=f"{name}.join")(made) if len(made) > 1 else made[0]


def on_a_circle(ids: Vector, size: int) -> Vector:
    """[batch, 2]: the sine and the cosine of an id's place in a round, 0 where it is missing."""
    angle = ops.multiply(ops.cast(ids, "float32"), 2 * math.pi / size)
    there = ops.cast(ops.less(ids, size), "float32")
    pair = ops.stack([ops.sin(angle), ops.cos(angle)], axis=-1)
    return ops.multiply(pair, ops.expand_dims(there, -1))


def is_side_by_side(part: Date) -> bool:
    return False
