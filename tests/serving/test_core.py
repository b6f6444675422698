"""The Keras core in ONNX: equal outputs, native recurrent layers, names kept."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers, ops
from tf2onnx import optimizer
from tf2onnx.graph import Graph

from kinds.tensors import feature, output
from serving.exporting.core import convert_core


def run(graph: onnx.GraphProto, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    named = {feature(name): value for name, value in feeds.items()}
    return dict(zip(names, session.run(names, named), strict=True))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("rows", [1, 5])
def test_recurrent_layers_become_one_native_node(kind: str, rows: int) -> None:
    keras.utils.set_random_seed(1)
    ids = keras.Input((6,), dtype="int32", name="ids")
    last = getattr(layers, kind)(4, bias_initializer="normal")(layers.Embedding(9, 3)(ids))
    model = keras.Model({"ids": ids}, {"a": layers.Dense(2)(last)})
    graph = convert_core(model)
    operations = [node.op_type for node in graph.node]
    assert operations.count(kind) == 1
    assert "Loop" not in operations
    values = np.arange(rows * 6, dtype=np.int32).reshape(rows, 6) % 9
    expected = np.asarray(model({"ids": values})["a"])
    np.testing.assert_allclose(run(graph, {"ids": values})[output("a")], expected, atol=1e-6)


def test_a_layer_keeps_its_own_call_after_the_conversion() -> None:
    sequences = keras.Input((3, 2), name="x")
    layer = layers.GRU(2)
    model = keras.Model({"x": sequences}, {"a": layer(sequences)})
    before = np.asarray(model({"x": np.ones((1, 3, 2), np.float32)})["a"])
    convert_core(model)
    assert "call" not in vars(layer)
    np.testing.assert_array_equal(model({"x": np.ones((1, 3, 2), np.float32)})["a"], before)


def test_names_that_tensorflow_does_not_allow_are_kept() -> None:
    odd = keras.Input((), name="_x.missing")
    model = keras.Model({"_x.missing": odd}, {"b": odd * 2.0, "a": odd + 1.0})
    graph = convert_core(model)
    assert [i.name for i in graph.input] == [feature("_x.missing")]
    got = run(graph, {"_x.missing": np.array([3.0], np.float32)})
    assert {name: value.tolist() for name, value in got.items()} == {
        output("b"): [6.0],
        output("a"): [4.0],
    }


def test_exact_gelu_is_converted() -> None:
    number = keras.Input((), name="x")
    model = keras.Model({"x": number}, {"a": ops.gelu(number, approximate=False)})
    values = np.array([-30.0, -2.0, -0.1, 0.0, 0.1, 2.0, 30.0], np.float32)
    expected = np.asarray(ops.gelu(values, approximate=False))
    got = run(convert_core(model), {"x": values})[output("a")]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def small_model() -> keras.Model:
    x = keras.Input((3,), name="x")
    return keras.Model({"x": x}, {"a": layers.Dense(2)(layers.Dense(4)(x))})


def test_the_graph_is_not_copied_for_each_optimization(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = []
    monkeypatch.setattr(Graph, "__deepcopy__", lambda one, _: copied.append(one), raising=False)
    known = optimizer.optimize_graph
    convert_core(small_model())
    assert not copied
    assert optimizer.optimize_graph is known


def test_an_optimization_that_fails_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def optimize(self, graph: Graph, iteration: int) -> Graph:
            graph.reset_nodes([])
            raise ValueError("an optimization that fails")

    model, values = small_model(), np.ones((2, 3), np.float32)
    monkeypatch.setitem(optimizer._optimizers, "remove_identity", Failing)
    got = run(convert_core(model), {"x": values})[output("a")]
    np.testing.assert_allclose(got, model({"x": values})["a"], atol=1e-6)
