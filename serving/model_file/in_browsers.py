"""A model's file for runtimes that cannot be given an input with a default, as in browsers.

The bytes of the file stay, and its graph computes as it does elsewhere. One letter is changed: the
constant that is the default of `top_k` gets another name, so that the number of labels becomes an
input like any other. And further outputs are written behind the file: protobuf reads a graph that
comes in two pieces as one.
"""

from collections.abc import Mapping
from typing import NamedTuple

from kinds.tensors import INNER, TOP_K, Element
from serving.model_file.added_nodes import node
from serving.model_file.file_graph import GRAPH_OUTPUT, MODEL_GRAPH, FileGraph
from serving.model_file.outputs import value_info
from serving.model_file.wire import field


class Changed(NamedTuple):
    """The letter of a file that changes, where it stands, and what comes behind the file."""

    place: int
    letter: int
    behind: bytes

    def of(self, model: bytes) -> bytes:
        return b"".join(
            (model[: self.place], bytes([self.letter]), model[self.place + 1 :], self.behind)
        )


def changed(
    model: bytes, graph: FileGraph, outputs: Mapping[str, Element], copies: Mapping[str, str]
) -> Changed:
    """With further `outputs`, tensors of the graph, and with `copies`: texts under names of their
    own, since a column cannot be an output itself."""
    constant = bytes(graph.constants[TOP_K])
    place = model.index(constant) + constant.index(TOP_K.encode())
    nodes = [node("Identity", [texts], [name]) for name, texts in copies.items()]
    kinds: Mapping[str, Element] = {**outputs, **dict.fromkeys(copies, "string")}
    values = [field(GRAPH_OUTPUT, value_info(name, kind)) for name, kind in kinds.items()]
    return Changed(place, ord(INNER), field(MODEL_GRAPH, b"".join([*nodes, *values])))
