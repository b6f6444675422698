"""The nodes and constants of a model's bytes, without the `onnx` package."""

from collections import defaultdict
from collections.abc import Mapping, Set
from copy import copy
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.model_file.wire import Message, field, fields, message

# Field numbers of onnx.proto.
MODEL_GRAPH, _MODEL_METADATA, GRAPH_NODE, GRAPH_CONSTANT = 7, 14, 1, 5
GRAPH_INPUT, GRAPH_OUTPUT, VALUE_NAME, VALUE_TYPE = 11, 12, 1, 2
NODE_INPUT, NODE_OUTPUT, NODE_OPERATION, NODE_ATTRIBUTE = 1, 2, 4, 5
TENSOR_DIMS, TENSOR_TYPE, TENSOR_STRINGS, TENSOR_NAME, TENSOR_RAW = 1, 2, 6, 8, 9
# By their number in onnx.proto: float32, int32, int64.
_NUMBERS = {1: "<f4", 6: "<i4", 7: "<i8"}

# A field of the graph, with the tensors that are there because of it.
Part = tuple[int, Message, list[str]]


@dataclass
class Node:
    """One operation. `content` is all of it, attributes included."""

    content: Message
    operation: str = ""
    inputs: list[str] = default(default_factory=list)
    outputs: list[str] = default(default_factory=list)


class FileGraph:
    """`maker` has the node that gives a tensor, `readers` those that read it."""

    def __init__(self, model: bytes) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, Message] = {}
        self._outside: list[tuple[int, int | Message]] = []
        self._inside: list[Part] = []
        for number, part in fields(memoryview(model)):
            if number == MODEL_GRAPH:
                self._read(message(part))
            else:
                self._outside.append((number, part))
        self._index()

    def _index(self) -> None:
        self.maker = {output: node for node in self.nodes for output in node.outputs}
        self.readers: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for name in node.inputs:
                self.readers[name].append(node)

    def _read(self, graph: Message) -> None:
        for number, value in fields(graph):
            part, made = message(value), list[str]()
            if number == GRAPH_NODE:
                self.nodes.append(_node(part))
                made = self.nodes[-1].outputs
            if number == GRAPH_CONSTANT:
                made = [_text_of(part, TENSOR_NAME)]
                self.constants[made[0]] = part
            if number == GRAPH_INPUT:
                made = [_text_of(part, VALUE_NAME)]
            self._inside.append((number, part, made))

    def replaced(self, instead: Mapping[str, str], given: Mapping[str, Message]) -> "FileGraph":
        """The same graph with another tensor `instead` of some, as far as both are there, and with
        tensors that are `given`, by what a graph says of its inputs."""
        there = {k: v for k, v in instead.items() if k in self.maker and v in self.maker}
        kept = [one for one in self._inside if not given.keys() & set(one[2])]
        made = copy(self)
        made._inside = [(GRAPH_INPUT, content, [name]) for name, content in given.items()]
        made._inside += [_replaced(one, there) for one in kept]
        of_nodes = [content for number, content, _ in made._inside if number == GRAPH_NODE]
        made.nodes = [_node(content) for content in of_nodes]
        made._index()
        return made

    def metadata(self) -> dict[str, str]:
        """What the file says about itself, its `metadata_props`."""
        entries = [fields(message(v)) for n, v in self._outside if n == _MODEL_METADATA]
        pairs = [[text(part) for _, part in entry] for entry in entries]
        return {pair[0]: pair[1] for pair in pairs}

    def with_outputs(self, tensors: Set[str], added: bytes) -> bytes:
        """The model's bytes with only those nodes, inputs and constants that lead to `tensors`.

        `added` are fields of the graph, its outputs among them: it has no others.
        """
        needed = self.leading_to(tensors)
        kept = [
            field(number, part)
            for number, part, made in self._inside
            if number != GRAPH_OUTPUT and (not made or not needed.isdisjoint(made))
        ]
        outside = [field(number, part) for number, part in self._outside]
        return b"".join([*outside, field(MODEL_GRAPH, b"".join([*kept, added]))])

    def leading_to(self, tensors: Set[str]) -> set[str]:
        """The tensors, and all that they are made of."""
        waiting, found = list(tensors), set(tensors)
        while waiting:
            maker = self.maker.get(waiting.pop())
            new = set(maker.inputs) - found if maker else set()
            found |= new
            waiting += new
        return found


def _replaced(part: Part, instead: Mapping[str, str]) -> Part:
    """The part, or the copy of a tensor in its place."""
    number, _, made = part
    if not instead.keys() & set(made):
        return part
    (name,) = made
    parts = (NODE_INPUT, instead[name]), (NODE_OUTPUT, name), (NODE_OPERATION, "Identity")
    copied = b"".join(field(at, said.encode()) for at, said in parts)
    return number, memoryview(copied), [name]


def _node(content: Message) -> Node:
    node = Node(content)
    for number, part in fields(content):
        if number == NODE_INPUT:
            node.inputs.append(text(part))
        if number == NODE_OUTPUT:
            node.outputs.append(text(part))
        if number == NODE_OPERATION:
            node.operation = text(part)
    return node


def text(part: int | memoryview) -> str:
    return bytes(message(part)).decode()


def _text_of(content: Message, number: int) -> str:
    return next(text(value) for n, value in fields(content) if n == number)


def strings(tensor: Message) -> list[str]:
    """The texts of a constant of texts."""
    return [text(v) for n, v in fields(tensor) if n == TENSOR_STRINGS]


def shape(tensor: Message) -> list[int]:
    return [v for n, v in fields(tensor) if n == TENSOR_DIMS and isinstance(v, int)]


def array(tensor: Message) -> npt.NDArray[Any]:
    """A constant of numbers, as it lies in the file."""
    raw = next(message(v) for n, v in fields(tensor) if n == TENSOR_RAW)
    kind = next(v for n, v in fields(tensor) if n == TENSOR_TYPE and isinstance(v, int))
    return np.frombuffer(raw, _NUMBERS[kind]).reshape(shape(tensor))
