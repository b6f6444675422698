"""Heads in the exported file: nodes from what the network gives to labels, scores and values."""

from collections.abc import Sequence
from typing import Protocol

from kinds.answers import answers
from kinds.heads.score import FileHead
from kinds.nodes import Nodes
from kinds.tensors import Mixed


class Onnx(Protocol):
    def add_nodes(
        self, nodes: Nodes, head: FileHead, labels: Sequence[str], mixed: Mixed | None
    ) -> None:
        """Adds the nodes that give the head's `outputs`, of kinds.tensors.output.

        `labels` are those of its vocabulary by id; `mixed` is what its memories say, if it has any.
        """


KINDS = answers("kinds.heads", "onnx", Onnx)
