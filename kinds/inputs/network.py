"""Inputs in the network: their features, and the vector that each becomes."""

from collections.abc import Mapping
from typing import Any, Protocol

from kinds.answers import answers
from kinds.inputs.places import AtPlaces, Ids, LookUp
from kinds.parsing import Feature, Vector, Vectors


class Network(Protocol):
    """What the trainer asks each kind of input."""

    def features(self, name: str, part: Any, entries: Mapping[str, int]) -> dict[str, Feature]:
        """The features of an example that the input reads, by name. `entries` is the number of
        values of each vocabulary."""

    def ids(self, name: str, part: Any, inputs: Vectors) -> Vector:
        """[batch] or [batch, length]: the rows of its table that an input with one looks up."""

    def vector(
        self, name: str, part: Any, inputs: Vectors, looked_up: Any, entries: Mapping[str, int]
    ) -> Vector:
        """[batch, width], of the features in `inputs` and of the vectors that were `looked_up`,
        [batch, width] or [batch, length, width]; None where the input has no table."""

    def at_places(
        self,
        name: str,
        part: Any,
        ids: Ids,
        look_up: LookUp,
        entries: Mapping[str, int],
    ) -> AtPlaces | None:
        """The vectors of a list of which heads predict the next elements; None where the input
        reads no such list, and has the same vector at every place of one."""

    def is_side_by_side(self, part: Any) -> bool:
        """Whether the vector is what was looked up, side by side and unchanged."""


KINDS: dict[str, Network] = answers("kinds.inputs", "network", Network)
