"""Several values in the network: their vectors, made one.

Padding lies on the left. It never counts in a sum, mean, maximum, attention or transformer: the
same row with more room for padding gives the same vector.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf
from keras import layers, ops

from kinds.inputs.ids.numbering import missing_id
from kinds.inputs.several.spec import SeveralPart
from kinds.inputs.several.transformer import LOWEST, Transformer
from kinds.parsing import SEVERAL_IDS, Arrays, Feature, Vector, Vectors


def features(name: str, part: SeveralPart, entries: Mapping[str, int]) -> dict[str, Feature]:
    padding = missing_id(entries[part.vocabulary])
    padded = partial(left_padded, length=part.length, padding=padding)
    return {name: Feature(SEVERAL_IDS, tf.int32, padded, (part.length,), _last)}


def _last(name: str, values: np.ndarray) -> Arrays:
    return {name: values[:, -1].copy()}  # a view would keep the whole batch


def left_padded(ragged: tf.RaggedTensor, *, length: int, padding: float) -> tf.Tensor:
    """[rows, (ids)] to int32 [rows, length]: the last `length` ids, padded on the left; or floats.

    >>> left_padded(tf.ragged.constant([[1, 2, 3], [], [4]]), length=2, padding=9).numpy().tolist()
    [[2, 3], [9, 9], [9, 4]]
    """
    place = tf.range(length, dtype=tf.int64)[None, :] - length
    ends = tf.cast(ragged.row_limits(), tf.int64)[:, None]
    starts = tf.cast(ragged.row_starts(), tf.int64)[:, None]
    kind = tf.float32 if ragged.dtype == tf.float32 else tf.int32
    values = tf.concat([[tf.cast(padding, kind)], tf.cast(ragged.values, kind)], axis=0)
    return tf.gather(values, tf.where(ends + place >= starts, ends + place + 1, 0))


def ids(name: str, part: SeveralPart, inputs: Vectors) -> Vector:
    return inputs[name]


def vector(
    name: str, part: SeveralPart, inputs: Vectors, looked_up: Vector, entries: Mapping[str, int]
) -> Vector:
    combined = combination(name, part, looked_up.shape[2], entries)
    return combined(looked_up, inputs[name])


def combination(
    name: str, part: SeveralPart, width: int, entries: Mapping[str, int]
) -> Callable[[Vector, Vector], Vector]:
    """Vectors [batch, length, width] and their ids [batch, length] to [batch, width], by layers
    that are made here."""
    padding = missing_id(entries[part.vocabulary])
    match part.combine:
        case "concat":
            flatten = layers.Flatten(name=f"{name}.concat")
            return lambda vectors, ids: flatten(vectors)
        case "lstm" | "gru":
            # No mask: padding comes first and has a row of the table of its own. A mask would
            # turn the layer into a loop at export.
            kind = layers.LSTM if part.combine == "lstm" else layers.GRU
            recurrent = kind(part.units or 0, name=f"{name}.{part.combine}")
            return lambda vectors, ids: recurrent(vectors)
        case "attention":
            attention = Attention(part, width, name)
            return lambda vectors, ids: attention(vectors, ids, padding)
        case "transformer":
            transformer = Transformer(part, width, f"{name}.transformer")
            return lambda vectors, ids: transformer.last(vectors, ids, padding)
    return lambda vectors, ids: pooled(vectors, ops.not_equal(ids, padding), part.combine)


def is_side_by_side(part: SeveralPart) -> bool:
    return part.combine == "concat"


def pooled(vectors: Vector, real: Vector, how: str) -> Vector:
    """[batch, length, width] and bool [batch, length] to [batch, width], 0 where none is real."""
    real = ops.expand_dims(real, -1)
    share = ops.cast(real, "float32")
    if how == "max":
        highest = ops.max(ops.where(real, vectors, LOWEST), axis=1)
        return ops.multiply(highest, ops.max(share, axis=1))
    total = ops.sum(ops.multiply(vectors, share), axis=1)
    if how == "sum":
        return total
    return ops.divide(total, ops.maximum(ops.sum(share, axis=1), 1.0))


class Attention:
    """Self-attention as seen from the last element: [batch, length, width] to [batch, width].

    Positions are learned and counted from the right end, so that they do not move with the padding
    room. The last element can always be seen: an empty sequence has its padding there.
    """

    def __init__(self, part: SeveralPart, width: int, name: str) -> None:
        heads = part.attention_heads
        self._positions = layers.Embedding(part.length, width, name=f"{name}.positions")
        self._attention = layers.MultiHeadAttention(
            heads, max(1, width // heads), name=f"{name}.attention"
        )

    def __call__(self, vectors: Vector, ids: Vector, padding: int) -> Vector:
        length = vectors.shape[1]
        from_the_right = ops.subtract(length, ops.cumsum(ops.ones_like(ids), axis=1))
        placed = ops.add(vectors, self._positions(from_the_right))
        seen = ops.logical_or(ops.not_equal(ids, padding), ops.equal(from_the_right, 0))
        query = placed[:, -1:, :]
        mixed = self._attention(query, placed, attention_mask=ops.expand_dims(seen, 1))
        return ops.squeeze(ops.add(query, mixed), axis=1)
