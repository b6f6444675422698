"""What an ONNX file may hold before onnxruntime sees it: a small reader of its protobuf bytes.

Refuses operations outside two domains, graphs inside nodes, functions, data in other files, and
versions newer than we write. The export checks far more with the `onnx` package; the scorer does
without that package, so this is its own gate. It reads the wire format and no values.
"""

from collections.abc import Iterator

from pipeline.failures import Exit, Failure

DOMAINS = frozenset({b"", b"ai.onnx", b"ai.onnx.ml"})
NEWEST_IR = 10
NEWEST_OPSETS = {b"": 18, b"ai.onnx": 18, b"ai.onnx.ml": 3}

# Field numbers of onnx.proto.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTION = 1, 7, 8, 20, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_CONSTANT, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATION, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES = 22, 23
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14

_Message = memoryview


def refuse_unknown(model: bytes) -> None:
    """Raises Failure with exit code 5 where the model holds what is not allowed."""
    try:
        _check_model(memoryview(model))
    except (IndexError, ValueError) as error:
        raise _refused(f"the file is not an ONNX model ({error})") from None


def _refused(what: str) -> Failure:
    return Failure(Exit.INTEGRITY, f"refused to load the model: {what}")


def _check_model(model: _Message) -> None:
    for number, value in _fields(model):
        if number == _MODEL_IR and isinstance(value, int) and value > NEWEST_IR:
            raise _refused(f"IR version {value}, at most {NEWEST_IR} is known")
        if number in (_MODEL_TRAINING, _MODEL_FUNCTION):
            raise _refused("it holds functions or training graphs")
        if number == _MODEL_OPSET:
            _check_opset(_message(value))
        if number == _MODEL_GRAPH:
            _check_graph(_message(value))


def _check_opset(opset: _Message) -> None:
    said = dict(_fields(opset))
    domain, version = bytes(_message(said.get(_OPSET_DOMAIN, b""))), said.get(_OPSET_VERSION, 0)
    if domain not in DOMAINS:
        raise _refused(f"the domain {domain!r}")
    if not isinstance(version, int) or version > NEWEST_OPSETS[domain]:
        raise _refused(f"version {version!r} of the domain {domain!r}")


def _check_graph(graph: _Message) -> None:
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            _check_node(_message(value))
        if number == _GRAPH_CONSTANT:
            _check_tensor(_message(value))
        if number == _GRAPH_SPARSE:
            raise _refused("sparse constants")


def _check_node(node: _Message) -> None:
    for number, value in _fields(node):
        if number == _NODE_DOMAIN and bytes(_message(value)) not in DOMAINS:
            raise _refused(f"an operation of the domain {bytes(_message(value))!r}")
        if number == _NODE_ATTRIBUTE:
            _check_attribute(_message(value))


def _check_attribute(attribute: _Message) -> None:
    for number, value in _fields(attribute):
        if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            raise _refused("a graph inside an operation")
        if number in (_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES):
            raise _refused("sparse constants")
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _check_tensor(_message(value))


def _check_tensor(tensor: _Message) -> None:
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0):
            raise _refused("data outside the file")


def _message(value: int | memoryview | bytes) -> _Message:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return memoryview(value)


def _fields(message: _Message) -> Iterator[tuple[int, int | memoryview]]:
    """The field numbers of a message with their values: numbers, or slices not yet read."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind, start = key & 7, at
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, start = _varint(message, at)
            at = start + length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("cut short")
        yield key >> 3, message[start:at]


def _varint(message: _Message, at: int) -> tuple[int, int]:
    """
    >>> _varint(memoryview(bytes([0xAC, 0x02])), 0)
    (300, 2)
    """
    value = shift = 0
    while shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number of more than 64 bits")
