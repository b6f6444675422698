"""The input `vector`: a list of as many numbers in each row."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words
from onnx import TensorProto, helper

from examples.made_up_rows import rows_for
from kinds.columns import Field, cast
from kinds.inputs.onnx import RawInput
from kinds.inputs.vector import graph, onnx, prepare
from kinds.inputs.vector.show import could_be
from kinds.inputs.vector.spec import VectorInput
from kinds.looks.column import Column
from kinds.nodes import Nodes
from kinds.prepare import Known
from kinds.tensors import feature
from pipeline import prepare as prepare_stage
from pipeline.failures import Failure
from pipeline.folders.data import DataFolder
from pipeline.spec.file import parse_spec
from serving.scorer import Scorer


def typed(column: pa.Array, **settings: Any) -> list[Any]:
    """The vector of each row, or why it is bad."""
    field = Field("x", "vector", width=3, **settings)
    rows = pa.RecordBatch.from_arrays([column], names=["x"])
    made, good, bad = cast(rows, [field])
    found: dict[int, Any] = dict(zip(good.tolist(), made.column("x").to_pylist(), strict=True))
    found |= {one.row: one.reason for one in bad}
    return [found[at] for at in range(rows.num_rows)]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2, 3], None], pa.list_(pa.int64())),
        pa.array([[1.0, 2.0, 3.0], None], pa.list_(pa.float32(), 3)),
        pa.array([[1.0, 2.0, 3.0], None], pa.large_list(pa.float64())),
        pa.array([["1", " 2 ", "3.0"], None], pa.list_(pa.string())),
        pa.array(["[1, 2, 3]", ""]),
        pa.array(["1 2 3", None]),
        pa.array([" 1 2 3.0 ", "  "]),
        pa.array(["[1. 2. 3.]", ""]),
        pa.array(["[1.0, 2.0, 3e0]", ""]),
    ],
)
def test_a_vector_is_the_same_however_it_is_written(column: pa.Array) -> None:
    assert typed(column) == [[1.0, 2.0, 3.0], None]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ([1.0, 2.0], "other_width"),
        ([], "other_width"),
        ([1.0, 2.0, 3.0, 4.0], "other_width"),
        ([1.0, None, 3.0], "not_a_number"),
        ([1.0, float("nan"), 3.0], "not_a_number"),
        ([1.0, float("inf"), 3.0], "not_finite"),
        ([1.0, 1e39, 3.0], "not_finite"),
    ],
)
def test_another_width_and_what_is_no_number_make_the_row_bad(cell: Any, reason: str) -> None:
    column = pa.array([[0.0, 0.0, 0.0], cell], pa.list_(pa.float64()))
    assert typed(column) == [[0.0, 0.0, 0.0], reason]
    written = pa.array(["0 0 0", json.dumps(cell)])
    assert typed(written)[0] == [0.0, 0.0, 0.0]
    assert typed(written)[1] in ("other_width", "not_a_number", "not_finite")


def test_a_missing_vector_is_bad_where_there_must_be_one() -> None:
    assert typed(pa.array([None, [1.0, 2.0, 3.0]]), required=True) == ["missing", [1.0, 2.0, 3.0]]


CELLS = [[1.0, -20.0, 3e38], None, [1e-30, 0.0, -0.0], [7.25, 1e9, -3.4e38]]
MEAN, STD = np.array([1.5, -2, 7], np.float32), np.array([0.5, 3, 1e5], np.float32)


def expected(part: VectorInput) -> dict[str, list[Any]]:
    raw = np.array([cell or [np.nan] * 3 for cell in CELLS], np.float32)
    made = np.clip((raw - MEAN) / STD, -100, 100) if part.scale == "standard" else raw
    numbers = np.where(np.isnan(made), np.float32(0), made)
    flag = {"x.missing": [[0.0], [1.0], [0.0], [0.0]]} if part.says_missing else {}
    return {"x": numbers.tolist()} | flag


PARTS = [
    VectorInput(width=3),
    VectorInput(width=3, scale="none"),
    VectorInput(width=3, missing="reject"),
]
COLUMN = pa.array(CELLS, pa.list_(pa.float32()))


@pytest.mark.parametrize("part", PARTS)
def test_each_number_is_scaled_by_itself_and_a_missing_vector_is_zeros(part: VectorInput) -> None:
    made = prepare.features("x", part, COLUMN, Known(mean=MEAN, std=STD))
    assert {name: lists.to_pylist() for name, lists in made.items()} == expected(part)
    assert prepare.feature_names("x", part) == list(made)


@pytest.mark.parametrize("part", PARTS)
def test_the_transform_graph_makes_the_same(part: VectorInput) -> None:
    column = prepare.field(part, "x").column_type.raw(COLUMN)
    values, lengths = column.flatten().to_numpy(), column.value_lengths().to_numpy()
    raw = tf.RaggedTensor.from_row_lengths(tf.constant(values), lengths.astype(np.int64))
    made = graph.features("x", part, raw, None, Known(mean=MEAN, std=STD))
    for name, wanted in expected(part).items():
        np.testing.assert_allclose(made[name].numpy(), wanted, rtol=2e-7)


@pytest.mark.parametrize("part", PARTS)
def test_the_file_makes_the_same(part: VectorInput) -> None:
    nodes = Nodes()
    raw = RawInput("c", 3, (), {"mean": MEAN.tolist(), "std": STD.tolist()})
    onnx.add_nodes(nodes, "x", part, raw)
    column = helper.make_tensor_value_info("c", TensorProto.FLOAT, ["rows", 3])
    outputs = [
        helper.make_tensor_value_info(feature(name), TensorProto.FLOAT, None)
        for name in expected(part)
    ]
    made = helper.make_graph(nodes.nodes, "x", [column], outputs, nodes.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    fed = prepare.field(part, "x").column_type.fed(COLUMN, 3)
    results = dict(zip(expected(part), session.run(None, {"c": fed}), strict=True))
    for name, wanted in expected(part).items():
        np.testing.assert_array_equal(results[name].reshape(4, -1), wanted)


SPEC = """
name: vectors
vocabularies: {kind: {}}
shared: {common: {units: 3}}
inputs:
  photo: {kind: vector, width: 4, separator: ";"}
  text: {kind: vector, width: 5, scale: none, missing: reject, through: common}
  kind: {kind: category, vocabulary: kind, embedding: 5, through: common}
trunk: {layers: [16]}
heads:
  bought: {kind: binary}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 8, batch_size: 32, learning_rate: 0.02}
"""
UNITS = np.array([1, 1000, 0.01, 1])


def rows(count: int = 900) -> pa.Table:
    """The target follows from numbers of very different sizes, and one that is always the same."""
    draw = np.random.default_rng(2)
    numbers = draw.normal(size=(count, 4))
    numbers[:, 3] = 2
    photo: list[Any] = (UNITS * numbers).tolist()
    photo[4], photo[9] = None, [1.0]
    text = draw.normal(size=count * 5).astype(np.float32)
    return pa.table(
        {
            "row": [str(at) for at in range(count)],
            "photo": pa.array(photo),
            "text": pa.FixedSizeListArray.from_arrays(pa.array(text), 5),
            "kind": [f"k{one}" for one in draw.integers(0, 4, count)],
            "bought": numbers[:, :3].sum(axis=1) > 0,
        }
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), rows(), tmp_path_factory.mktemp("v") / "out")


def test_means_and_deviations_are_those_of_each_number_in_the_training_rows(done: Path) -> None:
    numbers = DataFolder(done / "data").statistics.numbers["photo"]
    model = read_json(done / "run" / "metrics.json")
    assert model["eval"]["bought"]["accuracy"] > 0.9
    table = pq.read_table(done / "rows.parquet").to_pydict()
    scored = pq.read_table(done / "scores.parquet")
    assert scored.num_rows == 899
    every = np.array([cell for cell in table["photo"] if cell and len(cell) == 4])
    # Of the rows that train, some 540 of 900: near those of all rows, in the unit of each number.
    np.testing.assert_allclose(numbers["std"][:3], every.std(axis=0)[:3], rtol=0.1)
    assert numbers["std"][3] == 1.0
    assert numbers["mean"][3] == 2.0
    assert DataFolder(done / "data").statistics.rejected_by_column == {
        "other_width in column 'photo'": 1
    }


def test_the_certificate_has_vectors_missing_and_huge_ones(done: Path) -> None:
    certificate = read_json(done / "model" / "certificate.json")
    assert certificate["largest_differences"]["features"]["photo"] < 1e-5
    assert certificate["largest_differences"]["features"]["photo.missing"] == 0
    assert {"missing_numbers", "huge_numbers"} <= set(certificate["cases"])


def test_vectors_in_lists_and_in_text_score_the_same(done: Path) -> None:
    scorer = Scorer(done / "model" / "model.onnx")
    native = rows().slice(20, 50)
    texts = native.to_pydict()
    texts["photo"] = [";".join(map(repr, cell)) for cell in texts["photo"]]
    texts["text"] = [json.dumps(cell) for cell in texts["text"]]
    assert scorer.score(native).equals(scorer.score(pa.table(texts)))


def test_the_findings_of_a_file_are_kept_with_their_vectors(done: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare_stage.run(
            words("--spec", done / "spec.json", "--input", done / "rows.parquet")
            + words("--output", tmp_path / name, "--cache", tmp_path / "cache")
        )
    said = [DataFolder(tmp_path / name).statistics.numbers for name in ("one", "two")]
    assert said[0] == said[1] == DataFolder(done / "data").statistics.numbers


def test_made_up_rows_have_vectors() -> None:
    made = rows_for(parse_spec(SPEC), 200, 1)
    assert typed_width(made["photo"]) == 4
    assert made["photo"].null_count > 0
    assert made["text"].null_count == 0


def typed_width(column: pa.ChunkedArray) -> int:
    (width,) = {len(cell) for cell in column.to_pylist() if cell is not None}
    return width


@pytest.mark.parametrize(
    ("values", "width"),
    [
        ([["0.5", "2"], ["1", "2.5"], None], 2),
        ([["1", "2"], ["3", "4"]], None),
        ([["0.5", "2"], ["1"]], None),
        ([["0.5", "a"], ["1", "2"]], None),
        ([["0.5"], ["1.5"]], None),
    ],
)
def test_lists_of_as_many_fractions_look_like_vectors(values: Any, width: int | None) -> None:
    look = could_be(Column("x", "x", pa.array(values * 5)))
    assert (look and look.settings["width"]) == width


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("width: 5", "width: 4", "its embedding must be 4, not 5"),
        (
            "through: common}\n  kind",
            "through: other}\n  kind",
            "no shared block is called 'other'",
        ),
        ("width: 4,", "", "must be given|Field required"),
    ],
)
def test_what_does_not_fit_is_refused_when_the_spec_is_read(old: str, new: str, said: str) -> None:
    assert old in SPEC
    with pytest.raises(Failure, match=said):
        parse_spec(SPEC.replace(old, new))
