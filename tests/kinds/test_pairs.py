"""The ids that pairs are made of: the same in Arrow, in the transform graph and in the file."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from kinds.inputs.keys import Key
from kinds.inputs.pairs import graph, onnx, prepare
from kinds.nodes import Nodes
from kinds.tensors import feature
from pipeline.spec.file import parse_spec

SPEC = parse_spec("""
name: offered
vocabularies: {maker: {size: 10}, item: {size: 10}}
inputs:
  maker: {kind: category, vocabulary: maker}
  items: {kind: sequence, vocabulary: item, length: 3}
  new: {kind: flag}
  sold: {kind: flag, missing: reject}
  price: {kind: number, scale: buckets, buckets: 4, embedding: 2}
  when: {kind: date, parts: [month]}
heads: {bought: {kind: binary}}
split: {by: hash, columns: [row]}
""")
# What examples hold, as lists, and the ids that follow: of 3 makers and 2 items, of 4 buckets.
ENTRIES = {"maker": 3, "item": 2}
CASES: dict[str, tuple[dict[str, list[list[float]]], list[int]]] = {
    "maker": ({"maker": [[0], [2], [3], [4]]}, [0, 2, 3, 3]),
    "items.last": ({"items": [[1, 0], [], [2], [0, 3], [3, 1]]}, [0, 2, 2, 2, 1]),
    "new": ({"new": [[0], [1], [0]], "new.missing": [[0], [0], [1]]}, [0, 1, 2]),
    "sold": ({"sold": [[0], [1]]}, [0, 1]),
    "items.last2": ({"items": [[1, 0], [], [2], [0, 3], [3, 1]]}, [1, 2, 2, 0, 2]),
    "when.month": ({"when.month": [[0], [11], [12]]}, [0, 11, 12]),
    "price": ({"price": [[0], [3], [4]]}, [0, 3, 4]),
}


@pytest.mark.parametrize("name", CASES)
def test_ids_of_values_are_below_their_number_and_all_others_are_that_number(name: str) -> None:
    (features, expected), key = CASES[name], SPEC.offered(ENTRIES)[name]
    typed = {n: pa.array(lists, pa.list_(_type(n))) for n, lists in features.items()}
    assert prepare.ids_of(key, typed).tolist() == expected
    tensors = {n: _tensor(key, n, lists) for n, lists in features.items()}
    assert graph.ids_of(key, tensors).numpy().tolist() == expected
    assert in_the_file(key, features) == expected


def _type(name: str) -> pa.DataType:
    return pa.float32() if name in ("new", "sold", "new.missing") else pa.int64()


def _tensor(key: Key, name: str, lists: Sequence[Sequence[float]]) -> Any:
    kind = tf.as_dtype(_type(name).to_pandas_dtype())
    ragged = tf.ragged.constant(lists, dtype=kind)
    return ragged if key.place is not None else ragged.to_tensor()


def in_the_file(key: Key, features: Mapping[str, list[list[float]]]) -> list[int]:
    """Of lists padded on the left with the id of a missing value, as the file has them."""
    nodes = Nodes()
    made = onnx.add_ids(nodes, "/input/x/a", key)
    given, described = {}, []
    for name, lists in features.items():
        is_float = pa.types.is_floating(_type(name))
        padded: Any = [([key.missing] * 3 + list(row))[-3:] for row in lists]
        values = padded if key.place is not None else [row[0] for row in lists]
        given[feature(name)] = np.array(values, np.float32 if is_float else np.int32)
        kind = TensorProto.FLOAT if is_float else TensorProto.INT32
        shape = [None] * given[feature(name)].ndim
        described.append(helper.make_tensor_value_info(feature(name), kind, shape))
    output = helper.make_tensor_value_info(made, TensorProto.INT64, [None])
    graph = helper.make_graph(nodes.nodes, "x", described, [output], nodes.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (ids,) = session.run([made], given)
    return list(ids.tolist())
