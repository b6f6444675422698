"""The models of the question: each is prepared, trained, exported and scored, and has learned."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, trained_for

from examples import made_up_rows
from examples.made_up_rows import rows_for
from pipeline.spec import Spec
from pipeline.spec.file import read_spec

EXAMPLES = Path(made_up_rows.__file__).parent
ROWS = 1500
# Enough for each to learn what it can from so few rows.
TRAINING: dict[str, dict[str, Any]] = {
    "shared_projection": {"epochs": 12, "batch_size": 64, "learning_rate": 0.005},
    "dense": {"epochs": 20},
    "sequence_lstm": {"epochs": 4, "batch_size": 32, "learning_rate": 0.005},
    "ten_inputs": {"epochs": 8, "batch_size": 64, "learning_rate": 0.005},
    "ten_inputs_joined": {"epochs": 8, "batch_size": 64, "learning_rate": 0.005},
    "shared_submodel": {"epochs": 12, "batch_size": 64, "learning_rate": 0.005},
}


def example(name: str) -> Spec:
    return trained_for(read_spec(EXAMPLES / f"{name}.yaml"), **TRAINING[name])


@pytest.fixture(scope="module", params=list(TRAINING))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = example(request.param)
    rows = rows_for(spec, ROWS, seed=5, missing=0.0)
    return through_all_stages(spec, rows, tmp_path_factory.mktemp("chain") / spec.name)


def test_it_beats_the_best_constant_on_held_out_rows_and_scores_every_row(trained: Path) -> None:
    metrics = read_json(trained / "run" / "metrics.json")
    for head, reached in metrics["test"].items():
        measure = "log_loss" if "log_loss" in reached else "root_mean_squared_error"
        constant = metrics["baselines"][head]["constant"]["test"][measure]
        assert reached[measure] < 0.95 * constant, head
    assert pq.read_table(trained / "scores.parquet").num_rows == ROWS


def test_a_scored_row_is_what_the_trained_model_says(trained: Path) -> None:
    """Independent of the certificate: scores are compared with the rows' true values."""
    spec = read_spec(trained / "spec.json")
    scores, rows = (pq.read_table(trained / f"{n}.parquet") for n in ("scores", "rows"))
    for name, head in spec.heads.items():
        truth = rows[spec.head_column(name)].to_pylist()
        if head.kind == "regression":
            predicted = scores[f"{name}.value"].to_numpy()
            assert np.corrcoef(predicted, np.array(truth, float))[0, 1] > 0.2, name
        else:
            first = [labels[0] for labels in scores[f"{name}.labels"].to_pylist()]
            often = max(truth.count(label) for label in set(truth))
            assert sum(a == b for a, b in zip(first, truth, strict=True)) > often


def test_the_shapes_are_those_of_the_question(trained: Path) -> None:
    spec = read_spec(trained / "spec.json")
    model = keras.saving.load_model(trained / "run" / "model.keras")
    shapes = {layer.name: [tuple(w.shape) for w in layer.weights] for layer in model.layers}
    expected = {
        "shared_projection": ("shared.common.0", [(50, 128)]),
        "dense": ("trunk.0", [(4, 2)]),
        "sequence_lstm": ("shared.every_step.0", [(100, 64), (64,)]),
        "ten_inputs": ("shared.common.0", [(50, 64), (64,)]),
        "ten_inputs_joined": ("shared.common.0", [(50, 64), (64,)]),
        "shared_submodel": ("shared.network.1", [(64, 32), (32,)]),
    }
    layer, weights = expected[spec.name]
    assert shapes[layer] == weights
    assert sum(name.startswith("shared.") for name in shapes) == sum(
        len(block.dense_layers()) for block in spec.shared.values()
    )


def test_the_file_holds_no_loop_and_an_lstm_as_one_node(trained: Path) -> None:
    graph = onnx.load(trained / "model" / "model.onnx").graph
    operations = [node.op_type for node in graph.node]
    assert not {"Loop", "Scan", "If"} & set(operations)
    assert operations.count("LSTM") == (read_spec(trained / "spec.json").name == "sequence_lstm")
