"""Questions of prepare's transform graph to each kind of input and of head.

They make the features of `kinds.prepare` once more, of tensors. The answers are in
`kinds.inputs.graph` and `kinds.heads.graph`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from kinds.prepare import Known

# int64: the place of each of some flat texts in a vocabulary, its size for any other.
LookUp = Callable[[Any], Any]


class Graph(Protocol):
    """What the transform graph asks each kind. `part` are the settings."""

    def features(
        self, name: str, part: Any, raw: Any, look_up: Any, known: Known
    ) -> dict[str, Any]:
        """The features by name, [batch, 1] or ragged, of a raw feature, [batch] or ragged.

        An input that reads several columns has a tuple of raw features, one that reads none the
        features of the inputs that do, by name. `look_up` is a LookUp in the vocabulary, of codes
        where that is one of pairs, None without one.
        """


def column(values: Any) -> Any:
    """[batch] as [batch, 1]."""
    return tf.expand_dims(values, 1)
