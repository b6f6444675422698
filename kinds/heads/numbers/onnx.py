"""Heads of one number in the exported file: as the network gives them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kinds.nodes import Nodes
from kinds.tensors import output

if TYPE_CHECKING:
    from kinds.heads.numbers.spec import NumberPart
    from kinds.heads.score import FileHead


def settings(part: "NumberPart") -> dict[str, Any]:
    return {}


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str]) -> None:
    (result,) = head.outputs
    nodes.add("Identity", [output(head.name)], result)
