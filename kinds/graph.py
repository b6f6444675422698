"""Questions of prepare's transform graph to each kind of input and of head.

They make the features of `kinds.prepare` once more, of tensors. The answers are in
`kinds.inputs.graph` and `kinds.heads.graph`.
"""

from typing import Any, Protocol

import tensorflow as tf

from kinds.prepare import Known

# A missing text: as bytes that no text in UTF-8 holds it stays apart from the empty one.
MISSING = b"\xff"


class Graph(Protocol):
    """What the transform graph asks each kind. `part` are the settings."""

    def values(self, part: Any, raw: Any) -> Any:
        """The values that count of a raw feature: [batch], or ragged [batch, None] of lists."""

    def features(self, name: str, part: Any, values: Any, ids: Any, known: Known) -> dict[str, Any]:
        """The features by name, [batch, 1] or ragged.

        `ids` are the places of the flat values in the vocabulary, its size for any other; None
        without a vocabulary.
        """


def column(values: Any) -> Any:
    """[batch] as [batch, 1]."""
    return tf.expand_dims(values, 1)
