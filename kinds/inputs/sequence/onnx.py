"""A sequence in the exported file: its last values, looked up."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.inputs.ids.onnx import OPERATIONS, look_up
from kinds.nodes import Nodes
from kinds.tensors import within_input

if TYPE_CHECKING:
    from kinds.inputs.onnx import RawInput
    from kinds.inputs.sequence.spec import Sequence


def operations() -> frozenset[str]:
    return OPERATIONS | {"Slice"}


def add_nodes(nodes: Nodes, name: str, part: "Sequence", raw: "RawInput") -> None:
    column = raw.column
    if part.length != raw.length:  # another input reads the column further back
        column = last_values(nodes, name, column, part.length)
    look_up(nodes, name, column, raw.values)


def last_values(nodes: Nodes, name: str, column: str, length: int) -> str:
    """[rows, any] -> [rows, length]"""
    bounds = (("start", -length), ("end", np.iinfo(np.int64).max), ("axis", 1))
    named = [nodes.constant(within_input(name, k), [v], np.int64) for k, v in bounds]
    return nodes.add("Slice", [column, *named], within_input(name, "last"))
