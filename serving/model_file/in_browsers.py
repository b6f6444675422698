"""A model's file for runtimes that cannot be given an input with a default, as in browsers.

The bytes of the file stay, and its graph computes as it does elsewhere. Single letters are changed:
the constants that are defaults, of `top_k` and of the lists of labels that may come back, get other
names, so that these become inputs like any other. And further outputs are written behind the file:
protobuf reads a graph that comes in two pieces as one.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kinds.tensors import INNER, TOP_K, Element
from serving.model_file.added_nodes import node
from serving.model_file.file_graph import GRAPH_OUTPUT, MODEL_GRAPH, FileGraph
from serving.model_file.outputs import value_info
from serving.model_file.wire import field


class Changed(NamedTuple):
    """The letter that stands at some places of a file, and what comes behind the file."""

    places: tuple[int, ...]
    letter: int
    behind: bytes

    def of(self, model: bytes) -> bytes:
        made = bytearray(model)
        for place in self.places:
            made[place] = self.letter
        return bytes(made + self.behind)


def changed(
    model: bytes,
    graph: FileGraph,
    lists: Iterable[str],
    outputs: Mapping[str, Element],
    copies: Mapping[str, str],
) -> Changed:
    """With the `lists` as inputs, with further `outputs`, tensors of the graph, and with `copies`:
    texts under names of their own, since a column cannot be an output itself."""
    constants = {name: bytes(graph.constants[name]) for name in [TOP_K, *lists]}
    places = tuple(
        model.index(constant) + constant.index(name.encode())
        for name, constant in constants.items()
    )
    nodes = [node("Identity", [texts], [name]) for name, texts in copies.items()]
    kinds: Mapping[str, Element] = {**outputs, **dict.fromkeys(copies, "string")}
    values = [field(GRAPH_OUTPUT, value_info(name, kind)) for name, kind in kinds.items()]
    return Changed(places, ord(INNER), field(MODEL_GRAPH, b"".join([*nodes, *values])))
