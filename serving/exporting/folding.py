"""Folds a linear shared block into the embedding table: 10,002 x 128 instead of a lookup in
10,002 x 50 and a product with 50 x 128 for every value of every row.

    Gather(table, ids) -> [Reshape to [-1, 50]] -> MatMul(matrix)
    Gather(table @ matrix, ids) -> [Reshape to [-1, 128]]

Only where every lookup in the table goes through one and the same matrix and nowhere else; any
other graph stays as it is. Nothing here needs to be trusted: the certificate compares the result.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper


@dataclass(frozen=True)
class _Lookup:
    """One Gather in a table, and all that reads what it gives."""

    gather: onnx.NodeProto
    reshape: onnx.NodeProto | None
    product: onnx.NodeProto
    shapes: tuple[onnx.NodeProto, ...]


class _Graph:
    """Who reads what, and the constants, by name."""

    def __init__(self, graph: onnx.GraphProto, read: Collection[str]) -> None:
        self.proto = graph
        self.constants = {i.name: i for i in graph.initializer}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.readers[name].append(node)
        for name in read:
            self.readers[name].append(onnx.NodeProto())

    def value(self, name: str) -> np.ndarray | None:
        constant = self.constants.get(name)
        return None if constant is None else numpy_helper.to_array(constant)


def fold_linear_blocks(graph: onnx.GraphProto, read: Collection[str] = ()) -> list[str]:
    """Folds in place what can be folded; returns the names of the tables that were. `read` are
    tensors that somebody outside of the graph reads."""
    known = _Graph(graph, read)
    folded = []
    for table in [i for i in graph.initializer if len(i.dims) == 2]:
        lookups = [_lookup(known, table.name, reader) for reader in known.readers[table.name]]
        found = [lookup for lookup in lookups if lookup is not None]
        matrices = {lookup.product.input[1] for lookup in found}
        if found and len(found) == len(lookups) and len(matrices) == 1:
            _fold(known, table, matrices.pop(), found)
            folded.append(table.name)
    _drop_unread_constants(graph)
    return folded


def _lookup(known: _Graph, table: str, gather: onnx.NodeProto) -> _Lookup | None:
    if gather.op_type != "Gather" or gather.input[0] != table or _axis(gather) != 0:
        return None
    readers = known.readers[gather.output[0]]
    shapes = tuple(reader for reader in readers if reader.op_type == "Shape")
    others = [reader for reader in readers if reader.op_type != "Shape"]
    if len(others) != 1 or any(shape.attribute for shape in shapes):
        return None
    reshape = others[0] if _keeps_rows_whole(known, others[0], table) else None
    if reshape is not None:
        others = known.readers[reshape.output[0]]
    if len(others) != 1 or not _multiplies(known, others[0]):
        return None
    return _Lookup(gather, reshape, others[0], shapes)


def _axis(gather: onnx.NodeProto) -> int:
    return next((a.i for a in gather.attribute if a.name == "axis"), 0)


def _keeps_rows_whole(known: _Graph, node: onnx.NodeProto, table: str) -> bool:
    """Whether the node reshapes [..., width] to [-1, width]: one row of the table per row."""
    if node.op_type != "Reshape":
        return False
    shape = known.value(node.input[1])
    width = known.constants[table].dims[1]
    return shape is not None and shape.tolist() == [-1, width]


def _multiplies(known: _Graph, node: onnx.NodeProto) -> bool:
    matrix = known.constants.get(node.input[1]) if node.op_type == "MatMul" else None
    return matrix is not None and len(matrix.dims) == 2


def _fold(known: _Graph, table: onnx.TensorProto, matrix_name: str, lookups: list[_Lookup]) -> None:
    rows, matrix = numpy_helper.to_array(table), numpy_helper.to_array(known.constants[matrix_name])
    product = rows.astype(np.float64) @ matrix.astype(np.float64)
    folded = numpy_helper.from_array(product.astype(np.float32), f"{table.name}/folded")
    known.proto.initializer.append(folded)
    for lookup in lookups:
        _keep_shapes(known.proto, lookup, width=rows.shape[1])
        _fold_lookup(known.proto, lookup, folded)


def _fold_lookup(graph: onnx.GraphProto, lookup: _Lookup, folded: onnx.TensorProto) -> None:
    lookup.gather.input[0] = folded.name
    last = lookup.gather
    if lookup.reshape is not None:
        shape = np.array([-1, folded.dims[1]], np.int64)
        constant = numpy_helper.from_array(shape, f"{lookup.reshape.output[0]}/folded_shape")
        graph.initializer.append(constant)
        lookup.reshape.input[1] = constant.name
        last = lookup.reshape
    last.output[0] = lookup.product.output[0]
    if lookup.reshape is not None:
        # The lookup's own result has another width now: under its old name it would mislead.
        lookup.gather.output[0] += "/folded"
        lookup.reshape.input[0] = lookup.gather.output[0]
    graph.node.remove(lookup.product)


def _keep_shapes(graph: onnx.GraphProto, lookup: _Lookup, *, width: int) -> None:
    """Who asked for the lookup's shape still gets the old one: the ids' shape, then the width."""
    for at, shape in enumerate(lookup.shapes):
        of_ids, constant = f"{shape.output[0]}/of_ids/{at}", f"{shape.output[0]}/width/{at}"
        value = np.array([width], np.int64)
        graph.initializer.append(numpy_helper.from_array(value, constant))
        place = list(graph.node).index(shape)
        graph.node.insert(place, helper.make_node("Shape", [lookup.gather.input[1]], [of_ids]))
        new = helper.make_node("Concat", [of_ids, constant], list(shape.output), axis=0)
        shape.CopyFrom(new)


def _drop_unread_constants(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input}
    read |= {output.name for output in graph.output}
    for constant in [i for i in graph.initializer if i.name not in read]:
        graph.initializer.remove(constant)
