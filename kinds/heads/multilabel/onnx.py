"""A multilabel head in the exported file: the likeliest labels, each with its probability."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from kinds.heads.labels.mixed_onnx import Candidates, add_mixed
from kinds.heads.labels.onnx import add_count, add_labels, add_top
from kinds.nodes import Nodes
from kinds.tensors import Mixed, output, within_head

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_nodes(nodes: Nodes, head: "FileHead", labels: Sequence[str], mixed: Mixed | None) -> None:
    """[rows, n] logits -> the best labels and their scores [rows, k]."""
    count, step = add_count(nodes, head, labels), partial(within_head, head.name)
    if mixed is None:
        values, ids = add_top(nodes, step("top"), output(head.name), count)
        nodes.add("Sigmoid", [values], head.outputs[1])
        add_labels(nodes, head, ids, labels)
        return
    values, ids = add_top(nodes, step("candidates"), output(head.name), count)
    own = nodes.add("GatherElements", [output(head.name), mixed.labels], step("own"), axis=1)
    logs = [_add_log_sigmoid(nodes, of) for of in (values, own)]
    none = nodes.constant(step("log_sum"), [[0.0]], np.float32)
    add_mixed(nodes, head, labels, mixed, Candidates(logs[0], ids, logs[1], none))


def _add_log_sigmoid(nodes: Nodes, logits: str) -> str:
    minus = nodes.add("Neg", [logits], f"{logits}/minus")
    lost = nodes.add("Softplus", [minus], f"{logits}/lost")
    return nodes.add("Neg", [lost], f"{logits}/log_sigmoid")
