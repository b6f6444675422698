"""A cross in the network: the embedding of its pair as it is."""

from collections.abc import Mapping

from kinds.inputs.cross.spec import Cross
from kinds.inputs.places import at_places as at_places
from kinds.parsing import ONE_ID, Feature, Vector, Vectors


def features(name: str, part: Cross, entries: Mapping[str, int]) -> dict[str, Feature]:
    return {name: ONE_ID}


def ids(name: str, part: Cross, inputs: Vectors) -> Vector:
    return inputs[name]


def vector(
    name: str, part: Cross, inputs: Vectors, looked_up: Vector, entries: Mapping[str, int]
) -> Vector:
    return looked_up


def is_side_by_side(part: Cross) -> bool:
    return True
