"""Further outputs of a file: tensors inside its graph, without the `onnx` package.

Two protobuf messages one after the other are read as one, lists joined. So a graph with nothing
but outputs, put behind the file, adds them: the file that ships is the file that is measured.
"""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["float", "string"]

# Field and type numbers of onnx.proto.
_ELEMENT_TYPES: dict[Kind, int] = {"float": 1, "string": 8}
_MODEL_GRAPH, _GRAPH_OUTPUT, _VALUE_NAME, _VALUE_TYPE = 7, 12, 1, 2
_TYPE_TENSOR, _TENSOR_ELEMENT = 1, 1


def with_outputs(model: bytes, outputs: Mapping[str, Kind]) -> bytes:
    """The same model, which also gives the named inner tensors of these kinds."""
    values = [_part(_GRAPH_OUTPUT, _value(name, kind)) for name, kind in outputs.items()]
    return model + _part(_MODEL_GRAPH, b"".join(values)) if values else model


def _value(name: str, kind: Kind) -> bytes:
    element = _varint(_TENSOR_ELEMENT << 3) + _varint(_ELEMENT_TYPES[kind])
    shape_free = _part(_VALUE_TYPE, _part(_TYPE_TENSOR, element))
    return _part(_VALUE_NAME, name.encode()) + shape_free


def _part(field: int, content: bytes) -> bytes:
    """
    >>> _part(1, b"ab")
    b'\\n\\x02ab'
    """
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """
    >>> _varint(300)
    b'\\xac\\x02'
    """
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])
