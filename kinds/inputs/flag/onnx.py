"""A flag in the exported file: 0 where it is missing."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.inputs.numbers.onnx import missing_flag
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.inputs.flag.spec import Flag
    from kinds.inputs.onnx import RawInput


def operations() -> frozenset[str]:
    return frozenset({"Cast", "IsNaN", "Where"})


def add_nodes(nodes: Nodes, name: str, part: "Flag", raw: "RawInput") -> None:
    if part.says_missing:
        missing_flag(nodes, name, raw.column)
    unknown = nodes.add("IsNaN", [raw.column], within_input(name, "unknown"))
    zero = nodes.constant(within_input(name, "zero"), 0, np.float32)
    nodes.add("Where", [unknown, zero, raw.column], feature(name))
