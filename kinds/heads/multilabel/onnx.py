"""A multilabel head in the exported file: the likeliest labels, each with its probability."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kinds.heads.labels.onnx import add_count, add_labels, add_top
from kinds.heads.multilabel.mixed_onnx import add_mixed
from kinds.nodes import Nodes
from kinds.tensors import Mixed, output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n] logits -> the best labels and their scores [rows, k]."""
    count = add_count(nodes, head, labels)
    if mixed is not None:
        add_mixed(nodes, head, labels, mixed)
        return
    values, ids = add_top(nodes, within_head(head.name, "top"), output(head.name), count)
    nodes.add("Sigmoid", [values], head.outputs[1])
    add_labels(nodes, head, ids, labels)
