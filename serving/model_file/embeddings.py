"""The vectors that a model has learned for values and labels, read from the one file.

The values of an input lie in the space behind its shared block where that is linear, since the
file holds the product of table and block (serving.exporting.folding), and else in the space of its
table. The labels of a head lie in the space of the last layer. NumPy only, no `onnx` package.
"""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinds import tensors
from pipeline.failures import Exit, Failure
from pipeline.near import near
from serving.model_file.file_graph import (
    NODE_ATTRIBUTE,
    FileGraph,
    Node,
    array,
    shape,
    strings,
    text,
)
from serving.model_file.wire import Message, fields, message

LOOKUP = "LabelEncoder"
# Field numbers of onnx.proto.
_ATTRIBUTE_NAME, _ATTRIBUTE_STRINGS = 1, 9

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Embeddings:
    """Values or labels and their vectors, float32 [values, width]."""

    values: list[str]
    vectors: Array

    def nearest(self, value: str, count: int) -> list[tuple[str, float]]:
        """The other values of the greatest cosine, best first. Raises Failure 2 for no such value.

        >>> Embeddings(["a", "b", "c"], np.array([[1, 0], [0, 2], [3, 4]])).nearest("a", 2)
        [('c', 0.6), ('b', 0.0)]
        """
        if value not in self.values:
            rule = f"the value must be one of the {len(self.values):,} that the model knows"
            raise Failure(Exit.USAGE, rule + near(value, self.values), received=repr(value))
        own = self.values.index(value)
        lengths = np.maximum(np.linalg.norm(self.vectors, axis=1), 1e-30)
        cosines = self.vectors @ self.vectors[own] / lengths / lengths[own]
        order = np.argsort(-cosines, kind="stable")
        return [(self.values[at], float(cosines[at])) for at in order if at != own][:count]


class FileEmbeddings:
    """The embeddings that the bytes of a model hold."""

    def __init__(self, model: bytes) -> None:
        self._graph = FileGraph(model)

    def values_of(self, name: str) -> list[str]:
        """The values that an input looks up; none for an input that looks no texts up."""
        lookup = self._graph.maker.get(tensors.ids(name))
        return [] if lookup is None else [value for value in _keys(lookup) if value]

    def of_input(self, name: str) -> Embeddings | None:
        """Those of an input's values; None for an input that looks nothing up."""
        lookup = self._graph.maker.get(tensors.ids(name))
        values = [] if lookup is None else _keys(lookup)
        table = None if lookup is None else self._table_behind(lookup, len(values))
        if table is None:
            return None
        # "" stands for missing and has no vector of its own.
        places = [at for at, value in enumerate(values) if value]
        return Embeddings([values[at] for at in places], array(table)[places])

    def of_head(self, name: str) -> Embeddings | None:
        """Those of a head's labels; None for a head without."""
        constant = self._graph.constants.get(tensors.labels(name))
        if constant is None:
            return None
        labels = strings(constant)[:-1]  # the last one stands for all others
        product = self._graph.maker[tensors.output(name)]
        while product.operation not in ("MatMul", "Gemm"):
            product = next(self._graph.maker[i] for i in product.inputs if i in self._graph.maker)
        kernel = array(self._graph.constants[product.inputs[1]])  # [width, classes]
        return Embeddings(labels, kernel.T[: len(labels)])

    def _table_behind(self, lookup: Node, values: int) -> Message | None:
        """The matrix with a row for each value that the first lookup behind these ids reads."""
        waiting, seen = list(lookup.outputs), set[str]()
        while waiting:
            name = waiting.pop(0)
            for reader in self._graph.readers[name]:
                if reader.inputs[0].startswith(tensors.MEMORY):
                    continue  # tables of counts have a row for each value, too
                table = self._graph.constants.get(reader.inputs[0])
                if reader.operation == "Gather" and table is not None:
                    dims = shape(table)
                    if len(dims) == 2 and 0 < dims[0] - values <= 2:
                        return table
                if reader.operation == LOOKUP:  # of pairs, which have a table of their own
                    continue
                waiting += [output for output in reader.outputs if output not in seen]
                seen.update(reader.outputs)
        return None


def space_of(model: bytes, name: str | None, head: str | None) -> Embeddings:
    """The embeddings of an input's values, or of a head's labels. Raises Failure 2 for one that has
    none."""
    graph = FileEmbeddings(model)
    found = graph.of_input(name) if name is not None else graph.of_head(head or "")
    if found is None:
        rule = "--input must be one that looks values up, --head one with labels"
        raise Failure(Exit.USAGE, rule, received=name or head)
    return found


def add_space(parser: argparse.ArgumentParser, what: str) -> "argparse._MutuallyExclusiveGroup":
    """The options that choose one; `what` is done with its values."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--input", help=f"the input whose values are {what}")
    where.add_argument("--head", help=f"the head whose labels are {what}")
    return where


def _keys(lookup: Node) -> list[str]:
    """The values that a lookup knows, by id."""
    for number, part in fields(lookup.content):
        if number == NODE_ATTRIBUTE:
            found = list(fields(message(part)))
            if "keys_strings" in (text(v) for n, v in found if n == _ATTRIBUTE_NAME):
                return [text(v) for n, v in found if n == _ATTRIBUTE_STRINGS]
    return []
