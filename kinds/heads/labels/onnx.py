"""The best labels of a head in the exported file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kinds import tensors
from kinds.nodes import Nodes
from kinds.tensors import TOP_K

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def add_count(nodes: Nodes, head: "FileHead", labels: Sequence[str]) -> str:
    """The `top_k` that was asked for, at most the number of labels."""
    most = nodes.constant(tensors.within_head(head.name, "entries"), [len(labels)], np.int64)
    return nodes.add("Min", [TOP_K, most], tensors.label_count(head.name))


def add_top(nodes: Nodes, place: str, values: str, count: str) -> tuple[str, str]:
    """The greatest of each row and where they are, greatest first, the first of equal ones."""
    nodes.add("TopK", [values, count], f"{place}/values", axis=-1)
    nodes.nodes[-1].output.append(f"{place}/at")
    return f"{place}/values", f"{place}/at"


def add_labels(nodes: Nodes, head: "FileHead", ids: str, labels: Sequence[str]) -> None:
    # Where a row's logits are not numbers, any class may win, the one of other labels too.
    text = nodes.constant(tensors.labels(head.name), [*labels, ""], object)
    nodes.add("Gather", [text, ids], head.outputs[0])
