"""Lookups and scaling in the graph, a nodes at a time, against the formulas."""

import math

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from kinds.inputs.ids.onnx import look_up
from kinds.inputs.number.onnx import bucket, place, scaled, with_default
from kinds.inputs.numbers.onnx import missing_flag
from kinds.inputs.sequence.onnx import last_values
from kinds.nodes import Nodes
from kinds.tensors import feature

FLOAT, STRING = TensorProto.FLOAT, TensorProto.STRING


def run(nodes: Nodes, kind: int, column: np.ndarray, *outputs: str) -> list[np.ndarray]:
    graph = helper.make_graph(
        nodes.nodes,
        "nodes",
        [helper.make_tensor_value_info("x", kind, [None] * column.ndim)],
        [helper.make_tensor_value_info(name, 0, None) for name in outputs],
        nodes.constants,
    )
    for output, made in zip(graph.output, outputs, strict=True):
        is_float = made.endswith(".missing") or (kind == FLOAT and not made.endswith("bucket"))
        output.type.tensor_type.elem_type = FLOAT if is_float else TensorProto.INT32
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results: list[np.ndarray] = session.run(list(outputs), {"x": column})
    return results


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_values_have_their_ids_others_n_and_missing_n_plus_1() -> None:
    nodes = Nodes()
    look_up(nodes, "w", "x", ["the", "🙂", "e\u0301"])
    texts = np.array([["the", "🙂"], ["e\u0301", "\u00e9"], ["", "the "]], dtype=object)
    assert run(nodes, STRING, texts, feature("w"))[0].tolist() == [[0, 1], [2, 3], [4, 3]]


def test_empty_text_is_missing_even_where_it_is_a_label_of_the_vocabulary() -> None:
    nodes = Nodes()
    look_up(nodes, "w", "x", ["a", "", "b"])
    texts = np.array(["a", "", "b"], dtype=object)
    assert run(nodes, STRING, texts, feature("w"))[0].tolist() == [0, 4, 2]


def test_a_shorter_sequence_reads_the_last_elements() -> None:
    nodes = Nodes()
    column = last_values(nodes, "w", "x", 2)
    look_up(nodes, "w", column, ["a", "b", "c"])
    texts = np.array([["a", "b", "c"], ["", "", "a"]], dtype=object)
    assert run(nodes, STRING, texts, feature("w"))[0].tolist() == [[1, 2], [4, 0]]


def test_numbers_are_standardised_in_float32_and_missing_ones_are_0() -> None:
    nodes = Nodes()
    scaled(nodes, "n", "x", "standard", 0.1, 3.0)
    values = floats(0.1, 7.3, math.nan, -1e30, 3.4e38)
    expected = (values - np.float32(0.1)) / np.float32(3.0)
    expected[2:] = 0, -100, 100
    np.testing.assert_array_equal(run(nodes, FLOAT, values, feature("n"))[0], expected)


def test_logarithms_are_exact_for_small_and_great_numbers() -> None:
    nodes = Nodes()
    scaled(nodes, "n", "x", "log", 0.0, 1.0)
    values = floats(-3e38, -1.0, -1e-20, 0.0, 1e-8, 1e-3, 1.0, 3e38)
    wide = values.astype(np.float64)
    expected = (np.sign(wide) * np.log1p(np.abs(wide))).astype(np.float32)
    got = run(nodes, FLOAT, values, feature("n"))[0]
    np.testing.assert_allclose(got, expected, rtol=2e-7, atol=1e-15)


def test_the_flag_says_what_was_missing_before_the_default_took_its_place() -> None:
    nodes = Nodes()
    missing_flag(nodes, "n", "x")
    number = with_default(nodes, "n", "x", 5.0)
    scaled(nodes, "n", number, "none", 0.0, 1.0)
    got = run(nodes, FLOAT, floats(2.0, math.nan), feature("n"), feature("n.missing"))
    assert [value.tolist() for value in got] == [[2.0, 5.0], [0.0, 1.0]]


def test_a_bucket_counts_the_boundaries_at_or_below() -> None:
    nodes = Nodes()
    bucket(nodes, "bucket", "x", [-1.0, 0.0, 2.5], 9)
    values = floats(-5.0, -1.0, -0.5, 0.0, 2.4999, 2.5, 1e9, math.nan)
    got = run(nodes, FLOAT, values, feature("bucket"))[0]
    assert got.tolist() == [0, 1, 1, 2, 2, 3, 3, 9]


def test_a_place_counts_the_pieces_below_and_the_share_of_its_own() -> None:
    numbers, cuts = floats(-9, -2.5, -1, 0, 0.1, 3, 99.9, 1e30, math.nan), [-2.5, 0, 0.25, 7, 100]
    for boundaries in (cuts, cuts[:1], []):
        nodes = Nodes()
        place(nodes, "x", "x", boundaries)
        got = run(nodes, FLOAT, numbers, feature("x.place"))[0]
        between = np.interp(numbers[:-1], cuts, range(5)) if boundaries == cuts else np.zeros(8)
        np.testing.assert_allclose(got, [*between, 0], rtol=1e-6)


def test_a_column_without_boundaries_has_one_bucket() -> None:
    nodes = Nodes()
    bucket(nodes, "bucket", "x", [], 4)
    assert run(nodes, FLOAT, floats(1.0, math.nan), feature("bucket"))[0].tolist() == [0, 4]
