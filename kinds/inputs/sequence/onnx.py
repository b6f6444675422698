"""A sequence in the exported file: its last values, looked up."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.inputs.ids.onnx import OPERATIONS, look_up
from kinds.inputs.sequence.naming import weights_of
from kinds.inputs.sequence.spec import MOST_WEIGHT
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.inputs.onnx import RawInput
    from kinds.inputs.sequence.spec import Sequence


def operations() -> frozenset[str]:
    return OPERATIONS | {"IsNaN", "Min", "Slice", "Where"}


def add_nodes(nodes: Nodes, name: str, part: "Sequence", raw: "RawInput") -> None:
    column = raw.column
    if part.length != raw.length:  # another input reads the column further back
        column = last_values(nodes, name, column, part.length)
    look_up(nodes, name, column, raw.values)
    for weights, length in raw.further.items():
        add_weights(nodes, name, part, weights, length)


def add_weights(nodes: Nodes, name: str, part: "Sequence", column: str, length: int | None) -> None:
    """float32 [rows, any] -> [rows, length]: the last weights, 0 where the list is padded."""
    place = weights_of(name)
    if part.length != length:
        column = last_values(nodes, place, column, part.length)
    padded = nodes.add("IsNaN", [column], within_input(place, "padded"))
    zero = nodes.constant(within_input(place, "zero"), 0, np.float32)
    numbers = nodes.add("Where", [padded, zero, column], within_input(place, "numbers"))
    most = nodes.constant(within_input(place, "most"), MOST_WEIGHT, np.float32)
    nodes.add("Min", [numbers, most], feature(place))


def last_values(nodes: Nodes, name: str, column: str, length: int) -> str:
    """[rows, any] -> [rows, length]"""
    bounds = (("start", -length), ("end", np.iinfo(np.int64).max), ("axis", 1))
    named = [nodes.constant(within_input(name, k), [v], np.int64) for k, v in bounds]
    return nodes.add("Slice", [column, *named], within_input(name, "last"))
