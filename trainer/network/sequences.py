"""Ways to make one vector of a sequence of vectors.

Padding lies on the left. It never counts in a sum, mean, maximum or attention: the same row with
more padding room gives the same vector.
"""

import keras
from keras import layers, ops

LOWEST = -3.0e38


def pooled(vectors: keras.KerasTensor, real: keras.KerasTensor, how: str) -> keras.KerasTensor:
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


def last_step(kind: str, units: int, name: str) -> layers.Layer:
    """[batch, length, width] to the last state [batch, units]."""
    layer = layers.LSTM if kind == "lstm" else layers.GRU
    return layer(units, name=f"{name}.{kind}")


def attend(
    vectors: keras.KerasTensor, ids: keras.KerasTensor, padding: int, *, heads: int, name: str
) -> keras.KerasTensor:
    """Self-attention as seen from the last element: [batch, length, width] to [batch, width].

    Positions are learned and counted from the right end, so that they do not move with the padding
    room. The last element can always be seen: an empty sequence has its padding there.
    """
    length, width = vectors.shape[1], vectors.shape[2]
    from_the_right = ops.subtract(length, ops.cumsum(ops.ones_like(ids), axis=1))
    positions = layers.Embedding(length, width, name=f"{name}.positions")(from_the_right)
    placed = ops.add(vectors, positions)
    seen = ops.logical_or(ops.not_equal(ids, padding), ops.equal(from_the_right, 0))
    query = placed[:, -1:, :]
    attention = layers.MultiHeadAttention(heads, max(1, width // heads), name=f"{name}.attention")
    mixed = attention(query, placed, attention_mask=ops.expand_dims(seen, 1))
    return ops.squeeze(ops.add(query, mixed), axis=1)
