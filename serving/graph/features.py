"""The front of the exported graph: raw values in, the features that prepare would have made out.

    category "cat", "", "??"   -> 3, n+1 (missing), n (out of vocabulary)
    number   4.0, NaN          -> scaled float32 and a flag, or a bucket

Each function returns ONNX nodes and constants for one input; serving.graph joins them. The order
of the float32 operations is that of tf.Transform's graph, so that the results are the same too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kinds.inputs.number.spec import LIMIT as NUMBER_LIMIT
from serving.graph.core import FEATURE

ML_DOMAIN = "ai.onnx.ml"


@dataclass
class Piece:
    """Nodes and constants, collected in the order in which they run."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Adds a node with one output and returns the output's name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: Any, dtype: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name


def lookup(piece: Piece, name: str, column: str, values: Sequence[str]) -> str:
    """Strings of any shape -> int32 ids of the same shape.

    `values` is the vocabulary: value i gets id i, "" is missing (n+1), every other is n. "" stays
    missing where the vocabulary has it as a label of its own.
    """
    ids = {value: at for at, value in enumerate(values)} | {"": len(values) + 1}
    found = piece.add(
        "LabelEncoder",
        [column],
        f"/input/{name}/id",
        domain=ML_DOMAIN,
        keys_strings=list(ids),
        values_int64s=list(ids.values()),
        default_int64=len(values),
    )
    return piece.add("Cast", [found], FEATURE + name, to=TensorProto.INT32)


def last_elements(piece: Piece, name: str, column: str, length: int) -> str:
    """[batch, any] -> [batch, length], for a column that another input reads further back."""
    bounds = (("start", -length), ("end", np.iinfo(np.int64).max), ("axis", 1))
    named = [piece.constant(f"/input/{name}/{k}", [v], np.int64) for k, v in bounds]
    return piece.add("Slice", [column, *named], f"/input/{name}/last")


def missing_flag(piece: Piece, name: str, column: str) -> str:
    """float32 [batch] -> 1.0 where the number is missing (NaN), else 0.0."""
    missing = piece.add("IsNaN", [column], f"/input/{name}/is_missing")
    return piece.add("Cast", [missing], f"{FEATURE}{name}.missing", to=TensorProto.FLOAT)


def with_default(piece: Piece, name: str, column: str, default: float) -> str:
    """float32 [batch] -> the same with the spec's `missing` number where it is missing."""
    is_missing = piece.add("IsNaN", [column], f"/input/{name}/has_default")
    number = piece.constant(f"/input/{name}/default", default, np.float32)
    return piece.add("Where", [is_missing, number, column], f"/input/{name}/filled")


def scaled(piece: Piece, name: str, number: str, scale: str, mean: float, std: float) -> str:
    """float32 [batch] -> (x - mean) / std, of the logarithm with `scale` log; missing is 0.

    What is standardised is cut at NUMBER_LIMIT on either side.
    """
    if scale == "log":
        number = _signed_log(piece, name, number)
    if scale != "none":
        mean_name = piece.constant(f"/input/{name}/mean", mean, np.float32)
        std_name = piece.constant(f"/input/{name}/std", std, np.float32)
        centred = piece.add("Sub", [number, mean_name], f"/input/{name}/centred")
        number = piece.add("Div", [centred, std_name], f"/input/{name}/scaled")
    is_missing = piece.add("IsNaN", [number], f"/input/{name}/unknown")
    zero = piece.constant(f"/input/{name}/zero", 0, np.float32)
    if scale == "none":
        return piece.add("Where", [is_missing, zero, number], FEATURE + name)
    known = piece.add("Where", [is_missing, zero, number], f"/input/{name}/known")
    limits = [
        piece.constant(f"/input/{name}/{end}", limit, np.float32)
        for end, limit in (("lowest", -NUMBER_LIMIT), ("highest", NUMBER_LIMIT))
    ]
    return piece.add("Clip", [known, *limits], FEATURE + name)


def _signed_log(piece: Piece, name: str, number: str) -> str:
    """sign(x) * log1p(|x|). ONNX has no log1p: 1 + |x| keeps a small x in float64 only."""
    place = f"/input/{name}/log"
    size = piece.add("Abs", [number], f"{place}/size")
    double = piece.add("Cast", [size], f"{place}/double", to=TensorProto.DOUBLE)
    one = piece.constant(f"{place}/one", 1, np.float64)
    logarithm = piece.add("Log", [piece.add("Add", [double, one], f"{place}/more")], f"{place}/log")
    single = piece.add("Cast", [logarithm], f"{place}/single", to=TensorProto.FLOAT)
    return piece.add("Mul", [piece.add("Sign", [number], f"{place}/sign"), single], f"{place}/out")


def bucket(
    piece: Piece, name: str, number: str, boundaries: Sequence[float], missing_id: int
) -> str:
    """float32 [batch] -> int32: how many boundaries are at most the number; missing has an id."""
    place = f"/input/{name}"
    column = piece.constant(f"{place}/column", [1], np.int64)
    limits = piece.constant(f"{place}/boundaries", [list(boundaries)], np.float32)
    missing = piece.constant(f"{place}/missing_id", missing_id, np.int32)
    each = piece.add("Unsqueeze", [number, column], f"{place}/each")
    reached = piece.add("GreaterOrEqual", [each, limits], f"{place}/reached")
    ones = piece.add("Cast", [reached], f"{place}/ones", to=TensorProto.INT32)
    count = piece.add("ReduceSum", [ones, column], f"{place}/count", keepdims=0)
    is_missing = piece.add("IsNaN", [number], f"{place}/no_bucket")
    return piece.add("Where", [is_missing, missing, count], FEATURE + name)
