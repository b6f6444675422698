"""A multilabel head in the exported file: the likeliest labels, each with its probability."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.labels.candidates_onnx import add_ceiling, add_left, add_shown
from kinds.heads.labels.mixed_onnx import Candidates, add_mixed
from kinds.heads.labels.onnx import add_count, add_top
from kinds.nodes import Nodes
from kinds.tensors import Mixed, of_all, output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n] logits -> the best labels and their scores [rows, k]."""
    count, step = add_count(nodes, head, labels), partial(within_head, head.name)
    add_ceiling(nodes, head, labels)
    left = add_left(nodes, head, labels, others=False)
    if mixed is None:
        values, ids = add_top(nodes, of_all(head.name, "top"), left, count)
        nodes.add("Sigmoid", [values], of_all(head.name, "scores"))
        add_shown(nodes, head, labels, ids, "top/at")
        return
    values, ids = add_top(nodes, step("candidates"), left, count)
    own = nodes.add("GatherElements", [output(head.name), mixed.labels], step("own"), axis=1)
    logs = [_add_log_sigmoid(nodes, of) for of in (values, own)]
    none = nodes.constant(step("log_sum"), [[0.0]], np.float32)
    add_mixed(nodes, head, labels, mixed, Candidates(logs[0], ids, logs[1], none))


def _add_log_sigmoid(nodes: Nodes, logits: str) -> str:
    minus = nodes.add("Neg", [logits], f"{logits}/minus")
    lost = nodes.add("Softplus", [minus], f"{logits}/lost")
    return nodes.add("Neg", [lost], f"{logits}/log_sigmoid")
