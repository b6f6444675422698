"""A vector in the exported file: scaled, zeros where it is missing."""

from typing import TYPE_CHECKING

import numpy as np

from kinds.inputs.numbers.onnx import missing_flag
from kinds.inputs.vector.spec import LIMIT
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.inputs.onnx import RawInput
    from kinds.inputs.vector.spec import VectorInput


def operations() -> frozenset[str]:
    return frozenset({"Cast", "Clip", "Div", "Gather", "IsNaN", "Sub", "Where"})


def add_nodes(nodes: Nodes, name: str, part: "VectorInput", raw: "RawInput") -> None:
    """float32 [rows, width], NaN where the vector is missing."""
    numbers = raw.column
    if part.says_missing:
        first = nodes.constant(within_input(name, "first"), 0, np.int64)
        missing_flag(
            nodes, name, nodes.add("Gather", [numbers, first], within_input(name, "one"), axis=1)
        )
    if part.scale == "standard":
        mean = nodes.constant(within_input(name, "mean"), raw.numbers["mean"], np.float32)
        std = nodes.constant(within_input(name, "std"), raw.numbers["std"], np.float32)
        centred = nodes.add("Sub", [numbers, mean], within_input(name, "centred"))
        numbers = nodes.add("Div", [centred, std], within_input(name, "scaled"))
    gaps = nodes.add("IsNaN", [numbers], within_input(name, "unknown"))
    zero = nodes.constant(within_input(name, "zero"), 0, np.float32)
    if part.scale == "none":
        nodes.add("Where", [gaps, zero, numbers], feature(name))
        return
    known = nodes.add("Where", [gaps, zero, numbers], within_input(name, "known"))
    limits = [
        nodes.constant(within_input(name, end), limit, np.float32)
        for end, limit in (("lowest", -LIMIT), ("highest", LIMIT))
    ]
    nodes.add("Clip", [known, *limits], feature(name))
