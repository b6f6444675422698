"""A causal transformer over the vectors of a list, in stock layers: each element sees itself and
those before it.

Every block normalises first (Xiong et al. 2020, arXiv:2002.04745) and has a dense part as wide as
the rest (Kang and McAuley 2018, arXiv:1808.09781). Positions are learned as distances, a number a
head for how far back an element lies (Raffel et al. 2020, arXiv:1910.10683, section 2.1): what an
element becomes hangs neither on padding nor on how many come after it.
"""

from dataclasses import dataclass

from keras import layers, ops

from kinds.inputs.several.spec import SeveralPart
from kinds.parsing import Vector

LOWEST = -3.0e38
LAYERS = 2
# Far below the variance of an embedding's numbers, which is one over its width.
_EPSILON = 1e-6


@dataclass(frozen=True)
class Sight:
    """How far back each key lies from each query, int [1, queries, keys], and which it sees, bool
    [batch, 1, queries, keys]."""

    behind: Vector
    seen: Vector

    def last(self) -> "Sight":
        """That of the last query alone."""
        return Sight(self.behind[:, -1:, :], self.seen[:, :, -1:, :])


class Block:
    """Attention, then the dense part, each added to what came in."""

    def __init__(self, part: SeveralPart, width: int, name: str) -> None:
        self._heads, self._of_head = part.attention_heads, max(1, width // part.attention_heads)
        inner = self._heads * self._of_head
        self._norms = [norm(f"{name}.norm.{place}") for place in range(2)]
        self._query, self._key, self._value = (
            layers.Dense(inner, name=f"{name}.{what}") for what in ("query", "key", "value")
        )
        self._distances = layers.Embedding(part.length, self._heads, name=f"{name}.distances")
        self._output = layers.Dense(width, name=f"{name}.output")
        self._dense = [
            layers.Dense(width, activation=activation, name=f"{name}.dense.{place}")
            for place, activation in enumerate(("relu", None))
        ]
        self._dropouts = [dropout(part, f"{name}.dropout.{place}") for place in range(2)]

    def __call__(self, vectors: Vector, sight: Sight) -> Vector:
        """[batch, keys, width] to [batch, queries, width]: the last places are the queries."""
        queries, normed = sight.behind.shape[1], self._norms[0](vectors)
        query = self._by_head(self._query(normed[:, -queries:, :]))
        key, value = (self._by_head(layer(normed)) for layer in (self._key, self._value))
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * self._of_head**-0.5
        farthest = self._distances.input_dim - 1
        distances = self._distances(ops.clip(sight.behind, 0, farthest))
        scores = scores + ops.transpose(distances, (0, 3, 1, 2))
        shares = ops.softmax(ops.where(sight.seen, scores, LOWEST), axis=-1)
        found = ops.transpose(ops.matmul(shares, value), (0, 2, 1, 3))
        joined = ops.reshape(found, (-1, queries, self._heads * self._of_head))
        hidden = vectors[:, -queries:, :] + self._dropped(0, self._output(joined))
        changed = self._norms[1](hidden)
        for layer in self._dense:
            changed = layer(changed)
        return hidden + self._dropped(1, changed)

    def _by_head(self, vectors: Vector) -> Vector:
        """[batch, places, heads x width] to [batch, heads, places, width]"""
        places = vectors.shape[1]
        parts = ops.reshape(vectors, (-1, places, self._heads, self._of_head))
        return ops.transpose(parts, (0, 2, 1, 3))

    def _dropped(self, place: int, vectors: Vector) -> Vector:
        layer = self._dropouts[place]
        return vectors if layer is None else layer(vectors)


class Transformer:
    """The blocks of one input, made once and called for the last place, for all, or for both."""

    def __init__(self, part: SeveralPart, width: int, name: str) -> None:
        units = part.units or width
        self._length = part.length
        self._widen = None
        if units != width:
            self._widen = layers.Dense(units, use_bias=False, name=f"{name}.units")
        self._dropout = dropout(part, f"{name}.dropout")
        self._blocks = [
            Block(part, units, f"{name}.{place}") for place in range(part.layers or LAYERS)
        ]
        self._norm = norm(f"{name}.norm")

    def last(self, vectors: Vector, ids: Vector, padding: int) -> Vector:
        """[batch, places, width] to [batch, units]: as seen from the last place."""
        hidden, sight = self._placed(vectors), seen_from(ids, padding, self._length)
        for block in self._blocks[:-1]:
            hidden = block(hidden, sight)
        hidden = self._blocks[-1](hidden, sight.last())
        return self._norm(ops.squeeze(hidden, axis=1))

    def everywhere(self, vectors: Vector, ids: Vector, padding: int) -> Vector:
        """[batch, places, width] to [batch, places, units]: as seen from each place."""
        hidden, sight = self._placed(vectors), seen_from(ids, padding, self._length)
        for block in self._blocks:
            hidden = block(hidden, sight)
        return self._norm(hidden)

    def _placed(self, vectors: Vector) -> Vector:
        vectors = vectors if self._widen is None else self._widen(vectors)
        return vectors if self._dropout is None else self._dropout(vectors)


def seen_from(ids: Vector, padding: int, length: int) -> Sight:
    """Of ids [batch, places]: each place sees itself, and of the `length` that end there those
    that are no padding."""
    places = ops.cumsum(ops.ones_like(ids[:1, :]), axis=1)
    behind = ops.subtract(ops.expand_dims(places, 2), ops.expand_dims(places, 1))
    near = ops.logical_and(ops.greater_equal(behind, 0), ops.less(behind, length))
    real = ops.expand_dims(ops.not_equal(ids, padding), 1)
    seen = ops.logical_or(ops.logical_and(real, near), ops.equal(behind, 0))
    return Sight(behind, ops.expand_dims(seen, 1))


def norm(name: str) -> layers.LayerNormalization:
    return layers.LayerNormalization(epsilon=_EPSILON, name=name)


def dropout(part: SeveralPart, name: str) -> layers.Dropout | None:
    return layers.Dropout(part.dropout, name=name) if part.dropout > 0 else None
