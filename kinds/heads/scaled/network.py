"""Heads that predict a number on a scale, in training."""

from collections.abc import Mapping
from typing import Any

from keras import ops

from kinds.heads.any.metrics import Scale
from kinds.heads.scaled.spec import ScaledPart
from kinds.parsing import Vector


def scale(name: str, part: ScaledPart, numbers: Mapping[str, Any]) -> Scale:
    if part.scale == "none":
        return Scale()
    return Scale(numbers[name]["mean"], numbers[name]["std"], part.scale == "log")


def in_own_unit(values: Vector, scale: Scale) -> Vector:
    """Values on the linear scale of the target, in its own unit."""
    if scale.log:
        return ops.multiply(ops.sign(values), ops.subtract(ops.exp(ops.abs(values)), 1.0))
    return values
