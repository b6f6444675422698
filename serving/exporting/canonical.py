"""One form for one graph: the order and the names of its nodes follow from who reads what.

tf2onnx takes nodes out of Python sets, which order them by where they lie in memory, so each
conversion of a model orders and names them otherwise. The same run shall give the same bytes.
"""

from collections.abc import Mapping

import onnx


def canonical(graph: onnx.GraphProto, names: Mapping[str, str], prefix: str) -> onnx.GraphProto:
    """The graph with its nodes in order of need, from the first output on, and named by their place
    in it: `<prefix><operation>_<place>`; a constant is named for the first that reads it.

    `names` are those that inputs and outputs are to have.
    """
    nodes, constants = _by_need(graph), {c.name: c for c in graph.initializer}
    new = {"": "", **names}  # "" is an input or an output left out
    for place, node in enumerate(nodes):
        node.name = f"{prefix}{node.op_type}_{place}"
        for at, name in enumerate(node.input):
            new.setdefault(name, f"{node.name}/{at}")
        for at, name in enumerate(node.output):
            new.setdefault(name, f"{node.name}:{at}")
        node.input[:] = [new[name] for name in node.input]
        node.output[:] = [new[name] for name in node.output]
        node.attribute.sort(key=lambda attribute: attribute.name)
    read = [constants[name] for name in new if name in constants]
    for value in (*graph.input, *graph.output, *read):
        value.name = new[value.name]
    return onnx.helper.make_graph(nodes, graph.name, graph.input, graph.output, read)


def _by_need(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs need, each after those that it needs itself, in their order."""
    makers = {output: node for node in graph.node for output in node.output if output}
    waiting = [makers[output.name] for output in reversed(graph.output)]
    ordered: dict[str, onnx.NodeProto] = {}
    while waiting:
        node = waiting[-1]
        needed = [makers[name] for name in node.input if name in makers]
        if missing := [other for other in needed if other.name not in ordered]:
            waiting += reversed(missing)
        else:
            ordered[waiting.pop().name] = node
    return list(ordered.values())
