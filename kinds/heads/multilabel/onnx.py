"""A multilabel head in the exported file: the likeliest labels, each with its probability."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kinds.heads.labels.candidates_onnx import add_ceiling, add_left, add_shown
from kinds.heads.labels.onnx import add_count, add_top
from kinds.heads.multilabel.mixed_onnx import add_mixed
from kinds.nodes import Nodes
from kinds.tensors import Mixed, of_all, output

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n] logits -> the best labels and their scores [rows, k]."""
    count = add_count(nodes, head, labels)
    add_ceiling(nodes, head, labels)
    left = add_left(nodes, head, labels, output(head.name), others=False)
    if mixed is not None:
        add_mixed(nodes, head, labels, mixed, left)
        return
    values, ids = add_top(nodes, of_all(head.name, "top"), left, count)
    nodes.add("Sigmoid", [values], of_all(head.name, "scores"))
    add_shown(nodes, head, labels, ids, "top/at")
