"""Inputs in the exported file: nodes from a raw column to the features that prepare makes of it.

The order of the float32 operations is that of tf.Transform's graph, so that the results are the
same too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kinds.answers import answers
from kinds.inputs.keys import Key
from kinds.nodes import Nodes


@dataclass(frozen=True)
class RawInput:
    """The raw column of an input in the graph, and what prepare has learned for the input.

    `length` is how many values of a list the file reads, `values` those of the vocabulary by id,
    `numbers` the input's part of the statistics. An input that reads several columns has the
    others as `further`: their names, and how many values of each the file reads. One that pairs ids
    has `keys` and `codes`, as kinds.prepare.Known has them, and no column.
    """

    column: str
    length: int | None = None
    values: Sequence[str] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, int | None] = field(default_factory=dict)
    keys: Sequence[Key] = ()
    codes: Sequence[int] = ()


class Onnx(Protocol):
    def operations(self) -> frozenset[str]:
        """The operations that its nodes may have. The file's opset is one that has them all."""

    def add_nodes(self, nodes: Nodes, name: str, part: Any, raw: RawInput) -> None:
        """Adds the nodes that give the input's features (kinds.tensors.feature)."""


KINDS: dict[str, Onnx] = answers("kinds.inputs", "onnx", Onnx)
