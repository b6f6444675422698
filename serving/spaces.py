"""The vectors that a model has learned for values and labels, read from the one file.

The values of an input lie in the space behind its shared block where that is linear, since the
file holds the product of table and block (serving.folding), and else in the space of its table.
The labels of a head lie in the space of the last layer. NumPy only, no `onnx` package.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.failures import Exit, Failure
from serving.wire import Message, fields, message

# Field numbers of onnx.proto.
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_CONSTANT = 7, 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_STRINGS = 1, 9
_TENSOR_DIMS, _TENSOR_STRINGS, _TENSOR_NAME, _TENSOR_RAW = 1, 6, 8, 9

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Space:
    """Values or labels and their vectors, float32 [values, width]."""

    values: list[str]
    vectors: Array

    def nearest(self, value: str, count: int) -> list[tuple[str, float]]:
        """The other values of the greatest cosine, best first. Raises Failure 2 for no such value.

        >>> Space(["a", "b", "c"], np.array([[1, 0], [0, 2], [3, 4]])).nearest("a", 2)
        [('c', 0.6), ('b', 0.0)]
        """
        if value not in self.values:
            rule = f"the value must be one of the {len(self.values):,} that the model knows"
            raise Failure(Exit.USAGE, rule, received=repr(value))
        own = self.values.index(value)
        lengths = np.maximum(np.linalg.norm(self.vectors, axis=1), 1e-30)
        cosines = self.vectors @ self.vectors[own] / lengths / lengths[own]
        order = np.argsort(-cosines, kind="stable")
        return [(self.values[at], float(cosines[at])) for at in order if at != own][:count]


@dataclass
class _Node:
    operation: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)


class Graph:
    """The nodes and constants of a model's bytes."""

    def __init__(self, model: bytes) -> None:
        self._nodes: list[_Node] = []
        self._constants: dict[str, Message] = {}
        for number, part in fields(memoryview(model)):
            if number == _MODEL_GRAPH:
                self._read(message(part))
        self._maker = {output: node for node in self._nodes for output in node.outputs}
        self._readers: dict[str, list[_Node]] = defaultdict(list)
        for node in self._nodes:
            for name in node.inputs:
                self._readers[name].append(node)

    def _read(self, graph: Message) -> None:
        for number, part in fields(graph):
            if number == _GRAPH_NODE:
                self._nodes.append(_node(message(part)))
            if number == _GRAPH_CONSTANT:
                tensor = message(part)
                name = next(_text(v) for n, v in fields(tensor) if n == _TENSOR_NAME)
                self._constants[name] = tensor

    def of_input(self, name: str) -> Space | None:
        """The space of an input's values; None for an input that looks nothing up."""
        lookup = self._maker.get(f"/input/{name}/id")
        table = None if lookup is None else self._table_behind(lookup)
        if lookup is None or table is None:
            return None
        # "" stands for missing and has no vector of its own.
        places = [at for at, value in enumerate(lookup.strings) if value]
        return Space([lookup.strings[at] for at in places], _matrix(table)[places])

    def of_head(self, name: str) -> Space | None:
        """The space of a head's labels; None for a head without."""
        constant = self._constants.get(f"/head/{name}/labels")
        if constant is None:
            return None
        labels = [_text(v) for n, v in fields(constant) if n == _TENSOR_STRINGS]
        labels = labels[:-1]  # the last one stands for all others
        product = self._maker[f"/output/{name}"]
        while product.operation not in ("MatMul", "Gemm"):
            product = next(self._maker[i] for i in product.inputs if i in self._maker)
        kernel = _matrix(self._constants[product.inputs[1]])  # [width, classes]
        return Space(labels, kernel.T[: len(labels)])

    def _table_behind(self, lookup: _Node) -> Message | None:
        """The matrix with a row for each value that the first lookup behind these ids reads."""
        waiting, seen = list(lookup.outputs), set[str]()
        while waiting:
            name = waiting.pop(0)
            for reader in self._readers[name]:
                table = self._constants.get(reader.inputs[0])
                if reader.operation == "Gather" and table is not None:
                    shape = _shape(table)
                    if len(shape) == 2 and 0 < shape[0] - len(lookup.strings) <= 2:
                        return table
                waiting += [output for output in reader.outputs if output not in seen]
                seen.update(reader.outputs)
        return None


def _node(content: Message) -> _Node:
    node = _Node()
    for number, part in fields(content):
        if number == _NODE_INPUT:
            node.inputs.append(_text(part))
        if number == _NODE_OUTPUT:
            node.outputs.append(_text(part))
        if number == _NODE_OPERATION:
            node.operation = _text(part)
        if number == _NODE_ATTRIBUTE:
            node.strings += _keys(message(part))
    return node


def _keys(attribute: Message) -> list[str]:
    found = list(fields(attribute))
    if "keys_strings" not in (_text(v) for n, v in found if n == _ATTRIBUTE_NAME):
        return []
    return [_text(v) for n, v in found if n == _ATTRIBUTE_STRINGS]


def _text(part: int | memoryview) -> str:
    return bytes(message(part)).decode()


def _shape(tensor: Message) -> list[int]:
    return [v for n, v in fields(tensor) if n == _TENSOR_DIMS and isinstance(v, int)]


def _matrix(tensor: Message) -> Array:
    raw = next(message(v) for n, v in fields(tensor) if n == _TENSOR_RAW)
    return np.frombuffer(raw, "<f4").reshape(_shape(tensor))
