"""Tensors inside a model's graph, computed for rows, as metrics need them."""

from collections.abc import Mapping, Sequence

from kinds.tensors import Element
from serving.model_file.file_graph import FileGraph
from serving.model_file.network import Array, Arrays
from serving.model_file.outputs import only_outputs
from serving.model_file.sessions import session


class InnerTensors:
    """The part of the graph that leads to them, loaded."""

    def __init__(self, graph: FileGraph, tensors: Mapping[str, Element]) -> None:
        self._session = session(only_outputs(graph, tensors))
        self._reads = [given.name for given in self._session.get_inputs()]

    def of(self, inputs: Arrays, names: Sequence[str]) -> list[Array]:
        """These of them, for what the file takes."""
        found: list[Array] = self._session.run(
            list(names), {name: inputs[name] for name in self._reads}
        )
        return found
