"""A number in the network: itself, with a flag where it may be missing, or its bucket's vector."""

from collections.abc import Mapping

from kinds.inputs.number.spec import Number
from kinds.inputs.numbers import network as numbers
from kinds.inputs.places import at_places as at_places
from kinds.parsing import ONE_ID, Feature, Vector, Vectors


def features(name: str, part: Number, entries: Mapping[str, int]) -> dict[str, Feature]:
    if part.buckets is not None:
        return {name: ONE_ID}
    return numbers.features(name, part.says_missing)


def ids(name: str, part: Number, inputs: Vectors) -> Vector:
    return inputs[name]


def vector(
    name: str, part: Number, inputs: Vectors, looked_up: Vector | None, entries: Mapping[str, int]
) -> Vector:
    """[batch, 1], [batch, 2] with its flag, or [batch, embedding] for buckets."""
    if looked_up is not None:
        return looked_up
    return numbers.vector(name, inputs)


def is_side_by_side(part: Number) -> bool:
    return part.buckets is not None
