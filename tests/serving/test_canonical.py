"""Two graphs that compute the same from the same become one and the same graph."""

import random
from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.exporting.canonical import canonical

# y = (x + a) * (x - b), with a constant that nobody reads
NODES = [
    ("Add", ["x", "a"], ["left"]),
    ("Sub", ["x", "b"], ["right"]),
    ("Mul", ["left", "right"], ["y"]),
]
CONSTANTS = {"a": 2.0, "b": 3.0, "unread": 4.0}


def graph(seed: int) -> onnx.GraphProto:
    """The graph with names and orders drawn anew. A node still comes after those it needs."""
    draw = random.Random(seed)
    inner = ["a", "b", "unread", "left", "right"]
    names = dict(zip(inner, draw.sample("pqrstuvw", len(inner)), strict=True))
    first, second, last = (
        helper.make_node(op, [names.get(n, n) for n in i], [names.get(n, n) for n in o])
        for op, i, o in NODES
    )
    for node in (first, second, last):
        node.name = str(draw.random())
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), names[name])
        for name, value in draw.sample(list(CONSTANTS.items()), 3)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in "xy"]
    return helper.make_graph(
        [*draw.sample([first, second], 2), last], "g", ends[:1], ends[1:], constants
    )


def test_names_and_order_follow_from_the_graph_alone() -> None:
    made = [canonical(graph(seed), {"x": "in", "y": "out"}, "/") for seed in range(10)]
    assert len({g.SerializeToString() for g in made}) == 1
    assert [(n.name, *n.input, *n.output) for n in made[0].node] == [
        ("/Add_0", "in", "/Add_0/1", "/Add_0:0"),
        ("/Sub_1", "in", "/Sub_1/1", "/Sub_1:0"),
        ("/Mul_2", "/Add_0:0", "/Sub_1:0", "out"),
    ]
    assert [numpy_helper.to_array(c).item() for c in made[0].initializer] == [2.0, 3.0]


def test_an_operand_that_is_left_out_stays_so() -> None:
    node = helper.make_node("Clip", ["x", "", "top"], ["y"], "c")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in "xy"]
    top = numpy_helper.from_array(np.array(1, np.float32), "top")
    made = canonical(
        helper.make_graph([node], "g", ends[:1], ends[1:], [top]), {"x": "x", "y": "y"}, "/"
    )
    assert list(made.node[0].input) == ["x", "", "/Clip_0/2"]


def test_a_deep_graph_is_put_in_order_without_recursion() -> None:
    depth = 5_000
    names = ["x", *(f"n{at}" for at in range(1, depth)), "y"]
    nodes = [helper.make_node("Neg", [a], [b], b) for a, b in pairwise(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, []) for name in "xy"]
    made = canonical(helper.make_graph(nodes, "g", ends[:1], ends[1:]), {"x": "x", "y": "y"}, "/")
    assert len(made.node) == depth
