"""A list in training, at every place: what the list up to there gives, all places at once.

A transformer gives that by itself, sums and means are one product with a band of ones. Of the other
ways to combine values each place has a window of its own.
"""

from collections.abc import Mapping

import numpy as np
from keras import ops

from kinds.inputs.ids.numbering import missing_id
from kinds.inputs.places import AtPlaces, Ids, LookUp
from kinds.inputs.several.network import combination
from kinds.inputs.several.spec import SeveralPart
from kinds.inputs.several.transformer import Transformer
from kinds.parsing import Vector


def at_places(
    name: str, part: SeveralPart, ids: Ids, look_up: LookUp, entries: Mapping[str, int]
) -> AtPlaces:
    padding = missing_id(entries[part.vocabulary])
    of_last = look_up(ids.last)
    width = of_last.shape[2]
    if part.combine == "transformer":
        transformer = Transformer(part, width, f"{name}.transformer")
        last = transformer.last(of_last, ids.last, padding)
        everywhere = look_up(ids.everywhere)
        return AtPlaces(last, transformer.everywhere(everywhere, ids.everywhere, padding))
    combined = combination(name, part, width, entries)
    last = combined(of_last, ids.last)
    if part.combine in ("mean", "sum"):
        real = ops.not_equal(ids.everywhere, padding)
        vectors = look_up(ids.everywhere)
        return AtPlaces(last, running(vectors, real, part.length, part.combine))
    places, length = ids.everywhere.shape[1], part.length
    windows = windows_of(ids.everywhere, length, padding)
    vectors = look_up(windows)
    flat = ops.reshape(vectors, (-1, length, width)), ops.reshape(windows, (-1, length))
    of_windows = combined(*flat)
    return AtPlaces(last, ops.reshape(of_windows, (-1, places, of_windows.shape[-1])))


def windows_of(ids: Vector, length: int, padding: int) -> Vector:
    """[batch, places] to [batch, places, length]: at each place the ids that end there, padded on
    the left."""
    if length > 1:
        ids = ops.pad(ids, ((0, 0), (length - 1, 0)), constant_values=padding)
    places = np.arange(ids.shape[1] - length + 1)[:, None] + np.arange(length)
    return ops.take(ids, places.astype(np.int32), axis=1)


def running(vectors: Vector, real: Vector, length: int, how: str) -> Vector:
    """[batch, places, width] to the sums or means over the `length` places that end at each, of
    those that are `real` [batch, places]."""
    behind = np.arange(vectors.shape[1])[:, None] - np.arange(vectors.shape[1])
    band = ((behind >= 0) & (behind < length)).astype(np.float32)
    share = ops.cast(ops.expand_dims(real, -1), "float32")
    total = ops.matmul(band, ops.multiply(vectors, share))
    if how == "sum":
        return total
    return ops.divide(total, ops.maximum(ops.matmul(band, share), 1.0))
