"""Cross layers between the joined inputs and the trunk's first layer (Wang et al. 2021,
arXiv:2008.13535): each multiplies what it makes of its input by the joined inputs themselves."""

from collections.abc import Sequence

import keras
from keras import layers, ops

NEAR_ZERO = 0.01


def cross_layer(width: int, name: str) -> layers.Dense:
    """It starts near 0, so that a cross layer gives at first what it is given."""
    start = keras.initializers.RandomNormal(stddev=NEAR_ZERO)
    return layers.Dense(width, kernel_initializer=start, name=name)


def cross_name(place: int) -> str:
    return f"trunk.cross.{place}"


def crossed(joined: keras.KerasTensor, cross: Sequence[layers.Dense]) -> keras.KerasTensor:
    """x <- x0 * (W x + b) + x for each layer: [..., width] to the same shape."""
    x = joined
    for layer in cross:
        x = ops.add(ops.multiply(joined, layer(x)), x)
    return x
