"""A number in the network: itself, with its flag where it may be missing."""

from keras import ops

from kinds.inputs.numbers.naming import missing_flag
from kinds.parsing import ONE_NUMBER, Feature, Vector, Vectors


def features(name: str, may_be_missing: bool) -> dict[str, Feature]:
    names = [name, missing_flag(name)] if may_be_missing else [name]
    return dict.fromkeys(names, ONE_NUMBER)


def vector(name: str, inputs: Vectors) -> Vector:
    """[batch, 1], or [batch, 2] with its flag."""
    return ops.stack([inputs[n] for n in (name, missing_flag(name)) if n in inputs], axis=-1)
