"""A number in the exported file: scaled, with a flag for a missing one and its place among the
pieces of the line, or as its bucket."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from kinds.inputs.number.spec import LIMIT, cuts_of
from kinds.inputs.numbers.naming import place_of
from kinds.inputs.numbers.onnx import missing_flag
from kinds.nodes import Nodes
from kinds.tensors import feature, within_input

if TYPE_CHECKING:
    from kinds.inputs.number.spec import Number
    from kinds.inputs.onnx import RawInput

_OPERATIONS = """
    Abs Add Cast Clip Div Gather GreaterOrEqual IsNaN Log Mul ReduceSum Sign Sub Unsqueeze Where
"""


def operations() -> frozenset[str]:
    return frozenset(_OPERATIONS.split())


def add_nodes(nodes: Nodes, name: str, part: "Number", raw: "RawInput") -> None:
    number, learned = raw.column, raw.numbers
    if part.says_missing:
        missing_flag(nodes, name, number)
    if isinstance(part.missing, float):
        number = with_default(nodes, name, number, part.missing)
    if part.buckets is not None:
        bucket(nodes, name, number, learned["boundaries"], part.buckets)
    else:
        mean, std = learned.get("mean", 0.0), learned.get("std", 1.0)
        scaled(nodes, name, number, part.scale, mean, std)
    if part.pieces is not None:
        place(nodes, name, number, learned["boundaries"])


def with_default(nodes: Nodes, name: str, column: str, default: float) -> str:
    """float32 [rows] -> the same with the spec's `missing` number where it is missing."""
    is_missing = nodes.add("IsNaN", [column], within_input(name, "has_default"))
    number = nodes.constant(within_input(name, "default"), default, np.float32)
    return nodes.add("Where", [is_missing, number, column], within_input(name, "filled"))


def scaled(nodes: Nodes, name: str, number: str, scale: str, mean: float, std: float) -> str:
    """float32 [rows] -> (x - mean) / std, of the logarithm with `scale` log; missing is 0.

    What is standardised is cut at LIMIT on either side.
    """
    if scale == "log":
        number = _signed_log(nodes, name, number)
    if scale != "none":
        mean_name = nodes.constant(within_input(name, "mean"), mean, np.float32)
        std_name = nodes.constant(within_input(name, "std"), std, np.float32)
        centred = nodes.add("Sub", [number, mean_name], within_input(name, "centred"))
        number = nodes.add("Div", [centred, std_name], within_input(name, "scaled"))
    is_missing = nodes.add("IsNaN", [number], within_input(name, "unknown"))
    zero = nodes.constant(within_input(name, "zero"), 0, np.float32)
    if scale == "none":
        return nodes.add("Where", [is_missing, zero, number], feature(name))
    known = nodes.add("Where", [is_missing, zero, number], within_input(name, "known"))
    limits = [
        nodes.constant(within_input(name, end), limit, np.float32)
        for end, limit in (("lowest", -LIMIT), ("highest", LIMIT))
    ]
    return nodes.add("Clip", [known, *limits], feature(name))


def _signed_log(nodes: Nodes, name: str, number: str) -> str:
    """sign(x) * log1p(|x|). ONNX has no log1p: 1 + |x| keeps a small x in float64 only."""
    place = within_input(name, "log")
    size = nodes.add("Abs", [number], f"{place}/size")
    double = nodes.add("Cast", [size], f"{place}/double", to=TensorProto.DOUBLE)
    one = nodes.constant(f"{place}/one", 1, np.float64)
    logarithm = nodes.add("Log", [nodes.add("Add", [double, one], f"{place}/more")], f"{place}/log")
    single = nodes.add("Cast", [logarithm], f"{place}/single", to=TensorProto.FLOAT)
    return nodes.add("Mul", [nodes.add("Sign", [number], f"{place}/sign"), single], f"{place}/out")


def bucket(
    nodes: Nodes, name: str, number: str, boundaries: Sequence[float], missing_id: int
) -> str:
    """float32 [rows] -> int32: how many boundaries are at most the number; missing has an id."""
    step = partial(within_input, name)
    missing = nodes.constant(step("missing_id"), missing_id, np.int32)
    count = reached(nodes, name, number, boundaries)
    is_missing = nodes.add("IsNaN", [number], step("no_bucket"))
    return nodes.add("Where", [is_missing, missing, count], feature(name))


def reached(nodes: Nodes, name: str, number: str, boundaries: Sequence[float]) -> str:
    """float32 [rows] -> int32 [rows]: how many boundaries are at most the number."""
    step = partial(within_input, name)
    column = nodes.constant(step("column"), [1], np.int64)
    limits = nodes.constant(step("boundaries"), [list(boundaries)], np.float32)
    each = nodes.add("Unsqueeze", [number, column], step("each"))
    at_most = nodes.add("GreaterOrEqual", [each, limits], step("reached"))
    ones = nodes.add("Cast", [at_most], step("ones"), to=TensorProto.INT32)
    return nodes.add("ReduceSum", [ones, column], step("count"), keepdims=0)


def place(nodes: Nodes, name: str, number: str, boundaries: Sequence[float]) -> str:
    """float32 [rows] -> how many pieces between cuts lie below, and of its own the share."""
    step, made, cuts = partial(within_input, name), feature(place_of(name)), cuts_of(boundaries)
    zero = nodes.constant(step("no_place"), 0, np.float32)
    count = reached(nodes, name, number, cuts)
    ends = [
        nodes.constant(step(end), at, np.int32)
        for end, at in (("first", 1), ("last", len(cuts) - 1))
    ]
    above = nodes.add("Clip", [count, *ends], step("above"))
    one = nodes.constant(step("one"), 1, np.int32)
    below = nodes.add("Sub", [above, one], step("below"))
    limits = nodes.constant(step("cuts"), list(cuts), np.float32)
    low = nodes.add("Gather", [limits, below], step("low"))
    high = nodes.add("Gather", [limits, above], step("high"))
    over = nodes.add("Sub", [number, low], step("over"))
    width = nodes.add("Sub", [high, low], step("width"))
    unit = nodes.constant(step("unit"), 1, np.float32)
    share = nodes.add(
        "Clip", [nodes.add("Div", [over, width], step("part")), zero, unit], step("share")
    )
    whole = nodes.add("Cast", [below], step("whole"), to=TensorProto.FLOAT)
    found = nodes.add("Add", [whole, share], step("found"))
    is_missing = nodes.add("IsNaN", [number], step("nowhere"))
    return nodes.add("Where", [is_missing, zero, found], made)
