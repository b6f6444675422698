"""A vector in the network: its numbers, and beside them whether it is missing."""

from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import tensorflow as tf
from keras import ops

from kinds.inputs.numbers.naming import missing_flag
from kinds.inputs.places import at_places as at_places
from kinds.inputs.vector import spec
from kinds.parsing import ONE_NUMBER, Arrays, Feature, Vector, Vectors


def features(name: str, part: spec.VectorInput, entries: Mapping[str, int]) -> dict[str, Feature]:
    parsing = tf.io.FixedLenFeature([part.width], tf.float32)
    numbers = Feature(parsing, tf.float32, lambda values: values, (part.width,), _nothing)
    flag = {missing_flag(name): ONE_NUMBER} if part.says_missing else {}
    return {name: numbers} | flag


def _nothing(name: str, values: np.ndarray) -> Arrays:
    """Nobody counts numbers."""
    return {}


def ids(name: str, part: spec.VectorInput, inputs: Vectors) -> NoReturn:
    raise AssertionError("a vector has no table")


def vector(
    name: str,
    part: spec.VectorInput,
    inputs: Vectors,
    looked_up: Vector | None,
    entries: Mapping[str, int],
) -> Vector:
    """[batch, width], or what a shared block makes of it, and one more for the flag."""
    numbers = inputs[name] if looked_up is None else looked_up
    if not part.says_missing:
        return numbers
    return ops.concatenate([numbers, inputs[missing_flag(name)][:, None]], axis=-1)


def is_side_by_side(part: spec.VectorInput) -> bool:
    return False
