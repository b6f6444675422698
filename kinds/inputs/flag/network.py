"""A flag in the network: 1 or 0, beside it whether it is missing."""

from collections.abc import Mapping

from kinds.inputs.flag.spec import Flag
from kinds.inputs.numbers import network as numbers
from kinds.inputs.places import at_places as at_places
from kinds.parsing import Feature, Vector, Vectors


def features(name: str, part: Flag, entries: Mapping[str, int]) -> dict[str, Feature]:
    return numbers.features(name, part.says_missing)


def ids(name: str, part: Flag, inputs: Vectors) -> Vector:
    return inputs[name]


def vector(
    name: str, part: Flag, inputs: Vectors, looked_up: None, entries: Mapping[str, int]
) -> Vector:
    """[batch, 2], or [batch, 1] where it is never missing."""
    return numbers.vector(name, inputs)


def is_side_by_side(part: Flag) -> bool:
    return False
