"""The transformer over a list: what each place sees, and the file that it becomes."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers

from kinds.inputs.sequence.spec import Sequence
from kinds.inputs.several.transformer import Transformer
from kinds.tensors import feature, output
from pipeline.failures import Failure
from pipeline.spec.file import parse_spec
from serving.exporting.core import convert_core

PADDING, LENGTH = 8, 6


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """Two blocks of two heads, another width than that of the vectors, and dropout."""
    keras.utils.set_random_seed(1)
    part = Sequence.model_validate(
        {
            **{"kind": "sequence", "vocabulary": "item", "length": LENGTH},
            **{"combine": "transformer", "units": 8, "attention_heads": 2, "dropout": 0.1},
        }
    )
    ids = keras.Input((LENGTH,), dtype="int32", name="ids")
    vectors = layers.Embedding(PADDING + 1, 5)(ids)
    transformer = Transformer(part, 5, "list")
    made = {
        "last": transformer.last(vectors, ids, PADDING),
        "all": transformer.everywhere(vectors, ids, PADDING),
    }
    return keras.Model({"ids": ids}, made)


def given(model: keras.Model, rows: list[list[int]]) -> dict[str, np.ndarray]:
    padded = [[PADDING] * (LENGTH - len(row)) + row for row in rows]
    return {n: np.asarray(v) for n, v in model({"ids": np.array(padded, np.int32)}).items()}


def test_each_place_has_what_the_list_up_to_there_gives(model: keras.Model) -> None:
    row = [3, 1, 4, 1, 5, 2]
    everywhere = given(model, [row])["all"][0]
    for end in range(1, LENGTH + 1):
        alone = given(model, [row[:end]])["last"][0]
        np.testing.assert_allclose(everywhere[end - 1], alone, atol=1e-5)


def test_it_becomes_plain_matrix_products(model: keras.Model) -> None:
    graph = convert_core(keras.Model(model.input, {"last": model.output["last"]}))
    assert not {node.op_type for node in graph.node} & {"Loop", "If", "Scan"}
    opset = onnx.helper.make_opsetid("", 18)
    made = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    ids = np.arange(5 * LENGTH, dtype=np.int32).reshape(5, LENGTH) % (PADDING + 1)
    for rows in (ids, ids[:1]):
        (found,) = session.run([output("last")], {feature("ids"): rows})
        np.testing.assert_allclose(found, model({"ids": rows})["last"], atol=1e-5)


@pytest.mark.parametrize("setting", ["layers: 2", "dropout: 0.1", "attention_heads: 2"])
def test_its_settings_go_with_it_alone(setting: str) -> None:
    text = f"""
name: lists
vocabularies: {{item: {{}}}}
inputs: {{items: {{kind: sequence, vocabulary: item, length: 3, combine: mean, {setting}}}}}
heads: {{sold: {{kind: binary}}}}
split: {{by: row}}
"""
    with pytest.raises(Failure, match="goes with `combine: "):
        parse_spec(text)
