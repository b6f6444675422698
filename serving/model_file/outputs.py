"""A model's bytes with other outputs: tensors inside its graph, without the `onnx` package.

The file that ships is the file that is measured: nothing in it is computed in another way.
"""

from collections.abc import Mapping, Sequence

from kinds.tensors import Element
from serving.model_file.file_graph import GRAPH_OUTPUT, VALUE_NAME, VALUE_TYPE, FileGraph
from serving.model_file.wire import field

# Field and type numbers of onnx.proto.
_ELEMENT_TYPES: dict[Element, int] = {"float": 1, "uint8": 2, "int32": 6, "int64": 7, "string": 8}
_TYPE_TENSOR, _TENSOR_ELEMENT = 1, 1


def only_outputs(
    graph: FileGraph, outputs: Mapping[str, Element], added: bytes = b"", reads: Sequence[str] = ()
) -> bytes:
    """The same model, which gives these tensors and computes nothing that does not lead to them.

    `added` are further fields of the graph, nodes and constants, which may read the tensors
    `reads`. Inputs that lead nowhere are left out too.
    """
    values = [field(GRAPH_OUTPUT, value_info(name, kind)) for name, kind in outputs.items()]
    return graph.with_outputs({*outputs, *reads}, b"".join([added, *values]))


def value_info(name: str, kind: Element) -> bytes:
    """What a graph says of one of its inputs or outputs, of any shape."""
    element = field(_TENSOR_ELEMENT, _ELEMENT_TYPES[kind])
    shape_free = field(VALUE_TYPE, field(_TYPE_TENSOR, element))
    return field(VALUE_NAME, name.encode()) + shape_free
