"""The gate before onnxruntime: what an ONNX file may hold, read from its protobuf bytes.

Refuses operations outside two domains, graphs inside nodes, functions, data in other files, and
versions newer than we write. The export checks far more with the `onnx` package; the scorer does
without that package, so this is its own gate. It reads the wire format and no values.
"""

from kinds.tensors import IR_VERSION, ML_OPSET, NEWEST_OPSET
from pipeline.failures import Exit, Failure
from serving.model_file.wire import Message, fields, message

NEWEST_OPSETS = {b"": NEWEST_OPSET, b"ai.onnx": NEWEST_OPSET, b"ai.onnx.ml": ML_OPSET}

# Field numbers of onnx.proto.
_MODEL_IR, _MODEL_GRAPH, _MODEL_OPSET, _MODEL_TRAINING, _MODEL_FUNCTION = 1, 7, 8, 20, 25
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
_GRAPH_NODE, _GRAPH_CONSTANT, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATION, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES = 22, 23
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14


def refuse_unknown(model: bytes) -> None:
    """Raises Failure with exit code 5 where the model holds what is not allowed."""
    try:
        _check_model(memoryview(model))
    except (IndexError, ValueError) as error:
        raise _refused(f"the file is not an ONNX model ({error})") from None


def _refused(what: str) -> Failure:
    return Failure(Exit.INTEGRITY, f"refused to load the model: {what}")


def _check_model(model: Message) -> None:
    for number, value in fields(model):
        if number == _MODEL_IR and isinstance(value, int) and value > IR_VERSION:
            raise _refused(f"IR version {value}, at most {IR_VERSION} is known")
        if number in (_MODEL_TRAINING, _MODEL_FUNCTION):
            raise _refused("it holds functions or training graphs")
        if number == _MODEL_OPSET:
            _check_opset(message(value))
        if number == _MODEL_GRAPH:
            _check_graph(message(value))


def _check_opset(opset: Message) -> None:
    said = dict(fields(opset))
    domain, version = bytes(message(said.get(_OPSET_DOMAIN, b""))), said.get(_OPSET_VERSION, 0)
    if domain not in NEWEST_OPSETS:
        raise _refused(f"the domain {domain!r}")
    if not isinstance(version, int) or version > NEWEST_OPSETS[domain]:
        raise _refused(f"version {version!r} of the domain {domain!r}")


def _check_graph(graph: Message) -> None:
    for number, value in fields(graph):
        if number == _GRAPH_NODE:
            _check_node(message(value))
        if number == _GRAPH_CONSTANT:
            _check_tensor(message(value))
        if number == _GRAPH_SPARSE:
            raise _refused("sparse constants")


def _check_node(node: Message) -> None:
    for number, value in fields(node):
        if number == _NODE_DOMAIN and bytes(message(value)) not in NEWEST_OPSETS:
            raise _refused(f"an operation of the domain {bytes(message(value))!r}")
        if number == _NODE_ATTRIBUTE:
            _check_attribute(message(value))


def _check_attribute(attribute: Message) -> None:
    for number, value in fields(attribute):
        if number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
            raise _refused("a graph inside an operation")
        if number in (_ATTRIBUTE_SPARSE, _ATTRIBUTE_SPARSES):
            raise _refused("sparse constants")
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _check_tensor(message(value))


def _check_tensor(tensor: Message) -> None:
    for number, value in fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value != 0):
            raise _refused("data outside the file")
