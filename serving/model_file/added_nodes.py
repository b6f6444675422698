"""Nodes and constants as fields of a graph, to be added to a model's bytes without `onnx`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.model_file.file_graph import (
    GRAPH_NODE,
    NODE_ATTRIBUTE,
    NODE_INPUT,
    NODE_OPERATION,
    NODE_OUTPUT,
    TENSOR_DIMS,
    TENSOR_NAME,
    TENSOR_RAW,
    TENSOR_TYPE,
)
from serving.model_file.wire import field

# Field and type numbers of onnx.proto.
_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int64": 7}
_ATTRIBUTE_NAME, _ATTRIBUTE_INT, _ATTRIBUTE_TYPE, _INT = 1, 3, 20, 2


def node(operation: str, inputs: Sequence[str], outputs: Sequence[str], **ints: int) -> bytes:
    """A node; its attributes are whole numbers."""
    content = [field(NODE_INPUT, name.encode()) for name in inputs]
    content += [field(NODE_OUTPUT, name.encode()) for name in outputs]
    content.append(field(NODE_OPERATION, operation.encode()))
    content += [field(NODE_ATTRIBUTE, _attribute(name, value)) for name, value in ints.items()]
    return field(GRAPH_NODE, b"".join(content))


def tensor(name: str, values: npt.NDArray[Any]) -> bytes:
    """What a constant holds, under its name."""
    dims = b"".join(field(TENSOR_DIMS, size) for size in np.shape(values))
    kind = field(TENSOR_TYPE, _ELEMENT_TYPES[values.dtype.name])
    return b"".join(
        [dims, kind, field(TENSOR_NAME, name.encode()), field(TENSOR_RAW, values.tobytes())]
    )


def _attribute(name: str, value: int) -> bytes:
    number = field(_ATTRIBUTE_INT, value % (1 << 64))
    return field(_ATTRIBUTE_NAME, name.encode()) + number + field(_ATTRIBUTE_TYPE, _INT)
