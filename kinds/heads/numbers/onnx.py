"""Heads of one number in the exported file: as the network gives them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kinds.nodes import Nodes
from kinds.tensors import Mixed, output

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    (result,) = head.outputs
    nodes.add("Identity", [output(head.name)], result)
