"""Folding a linear block into its table changes the graph and not what it computes."""

import keras
import numpy as np
import onnx
import pytest
from keras import layers
from test_core import run

from kinds.tensors import output
from serving.exporting.core import convert_core
from serving.exporting.folding import fold_linear_blocks


def shared_model(*, through: tuple[bool, bool] = (True, True)) -> keras.Model:
    """A category and a sequence over one table of width 3; `through` a common 3 x 5 matrix."""
    one = keras.Input((), dtype="int32", name="one")
    many = keras.Input((4,), dtype="int32", name="many")
    table, block = layers.Embedding(7, 3), layers.Dense(5, use_bias=False)
    vectors = [table(one), table(many)]
    kept = [block(v) if goes else v for v, goes in zip(vectors, through, strict=True)]
    outputs = {"a": kept[0], "b": layers.Flatten()(kept[1])}
    return keras.Model({"one": one, "many": many}, outputs)


def features(rows: int) -> dict[str, np.ndarray]:
    ids = np.arange(rows * 4, dtype=np.int32) % 7
    return {"one": ids[:rows].copy(), "many": ids.reshape(rows, 4)}


@pytest.mark.parametrize("rows", [1, 9])
def test_a_table_with_one_block_becomes_their_product(rows: int) -> None:
    model = shared_model()
    graph = convert_core(model)
    assert len(fold_linear_blocks(graph)) == 1
    assert "MatMul" not in [node.op_type for node in graph.node]
    assert [list(i.dims) for i in graph.initializer if len(i.dims) == 2] == [[7, 5]]
    expected = model(features(rows))
    for name, value in run(graph, features(rows)).items():
        np.testing.assert_allclose(value, expected[name.removeprefix(output(""))], atol=1e-6)


def test_folded_values_are_the_product_of_table_and_matrix() -> None:
    model = shared_model()
    table, matrix = model.get_weights()
    graph = convert_core(model)
    fold_linear_blocks(graph)
    (folded,) = [i for i in graph.initializer if list(i.dims) == [7, 5]]
    np.testing.assert_allclose(onnx.numpy_helper.to_array(folded), table @ matrix, atol=1e-6)


@pytest.mark.parametrize("through", [(True, False), (False, True), (False, False)])
def test_a_table_that_is_also_used_without_the_block_stays(through: tuple[bool, bool]) -> None:
    model = shared_model(through=through)
    graph = convert_core(model)
    before = graph.SerializeToString(deterministic=True)
    assert fold_linear_blocks(graph) == []
    assert graph.SerializeToString(deterministic=True) == before


def test_a_table_whose_values_are_read_from_outside_stays() -> None:
    """As gates of memories read the vector that a head multiplies; what they do not read folds."""
    graph = convert_core(shared_model())
    lookups = [node.output[0] for node in graph.node if node.op_type == "Gather"]
    before = graph.SerializeToString(deterministic=True)
    assert fold_linear_blocks(graph, lookups[:1]) == []
    assert graph.SerializeToString(deterministic=True) == before
    assert len(fold_linear_blocks(graph, ["something else"])) == 1
