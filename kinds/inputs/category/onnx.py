"""A category in the exported file: one look-up."""

from typing import TYPE_CHECKING

from kinds.inputs.ids.onnx import look_up
from kinds.inputs.ids.onnx import operations as operations
from kinds.nodes import Nodes

if TYPE_CHECKING:
    from kinds.inputs.category.spec import Category
    from kinds.inputs.onnx import RawInput


def add_nodes(nodes: Nodes, name: str, part: "Category", raw: "RawInput") -> None:
    look_up(nodes, name, raw.column, raw.values)
