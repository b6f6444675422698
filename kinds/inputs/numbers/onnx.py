"""The flag of a missing number in the exported file."""

from onnx import TensorProto

from kinds.inputs.numbers import naming
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input


def missing_flag(nodes: Nodes, name: str, column: str) -> str:
    """float32 [rows] -> 1.0 where the number is missing (NaN), else 0.0."""
    missing = nodes.add("IsNaN", [column], within_input(name, "is_missing"))
    flag = feature(naming.missing_flag(name))
    return nodes.add("Cast", [missing], flag, to=TensorProto.FLOAT)
