"""Sequences with a weight for each value: a second list column, from cells to the network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import read_json, through_all_stages, words
from keras import ops
from onnx import TensorProto, helper

from examples.made_up_rows import rows_for
from kinds.columns import Field, cast
from kinds.inputs.onnx import RawInput
from kinds.inputs.sequence import graph, onnx, prepare
from kinds.inputs.sequence.network import weighted
from kinds.inputs.sequence.spec import Sequence
from kinds.inputs.several.network import left_padded
from kinds.nodes import Nodes
from kinds.prepare import Known
from kinds.tensors import feature
from pipeline.failures import Failure
from pipeline.fields import fields_of
from pipeline.folders.data import DataFolder
from pipeline.spec.file import parse_spec
from serving import report
from serving.ask import answer
from serving.scorer import Scorer

PART = Sequence(vocabulary="item", length=2, combine="mean", weights="w")
FIELDS = [Field("x", "list"), Field("w", "vector", nonnegative=True, beside="x")]
# Of lists of two texts: what becomes of each row, by its second cell.
CELLS: list[tuple[Any, Any]] = [
    ([1.5, 2], [1.5, 2.0]),
    ([0, 3e38], [0.0, 3e38]),
    ([1e-45, -0.0], [0.0, 0.0]),
    ([1.0], "other_length"),
    ([1.0, 2.0, 3.0], "other_length"),
    (None, "other_length"),
    ([], "other_length"),
    ([1.0, None], "not_a_number"),
    ([float("nan"), 1.0], "not_a_number"),
    ([1.0, -0.5], "negative"),
    ([1.0, 1e39], "not_finite"),
]


def typed(weights: pa.Array, lists: pa.Array | None = None) -> list[Any]:
    """The weights of each row, or why it is bad."""
    lists = pa.array([["a", "b"]] * len(weights)) if lists is None else lists
    rows = pa.RecordBatch.from_arrays([lists, weights], names=["x", "w"])
    made, good, bad = cast(rows, FIELDS)
    found: dict[int, Any] = dict(zip(good.tolist(), made.column("w").to_pylist(), strict=True))
    found |= {one.row: one.reason for one in bad}
    return [found[at] for at in range(rows.num_rows)]


def floats(values: list[Any]) -> list[Any]:
    """As float32 has them."""
    return [[float(np.float32(x)) for x in v] if isinstance(v, list) else v for v in values]


def test_weights_are_as_many_numbers_from_0_up_as_there_are_values() -> None:
    cells, expected = [cell for cell, _ in CELLS], floats([said for _, said in CELLS])
    assert typed(pa.array(cells, pa.list_(pa.float64()))) == expected
    assert typed(pa.array(cells, pa.large_list(pa.float64()))) == expected


@pytest.mark.parametrize("written", ["[1.5, 2]", "1.5 2", '["1.5", "2"]', "[1.5 2.0]"])
def test_texts_are_read_as_lists_are(written: str) -> None:
    assert typed(pa.array([written, "1.5 x", "1.5 2 3", "", None])) == [
        [1.5, 2.0],
        *("not_a_number", "other_length", "other_length", "other_length"),
    ]


def test_a_row_without_values_needs_no_weights() -> None:
    lists = pa.array([[], None, [], None], pa.list_(pa.string()))
    weights = pa.array([[], [], None, None], pa.list_(pa.float32()))
    assert typed(weights, lists) == [[], [], None, None]


def test_integers_and_lists_of_a_fixed_size_are_weights_too() -> None:
    assert typed(pa.array([[1, 2]], pa.list_(pa.int8(), 2))) == [[1.0, 2.0]]


LISTS = pa.array([["a", "b", "c"], [], None, ["x", None]], pa.list_(pa.string()))
WEIGHTS = pa.array([[0.1, 0.2, 2e6], [], None, [0.0, 3.5]], pa.list_(pa.float32()))
# The last two of each: a weight above a million counts as a million.
IDS = [[1, 2], [], [], [3, 4]]
COUNTED = floats([[0.2, 1e6], [], [], [0.0, 3.5]])
KNOWN = Known(pa.array(["a", "b", "c"]))


def test_the_last_weights_go_with_the_last_values() -> None:
    made = prepare.features("x", PART, (LISTS, WEIGHTS), KNOWN)
    assert prepare.feature_names("x", PART) == list(made)
    assert {name: lists.to_pylist() for name, lists in made.items()} == {
        "x": IDS,
        "x.weights": COUNTED,
    }


def test_the_transform_graph_makes_the_same() -> None:
    columns = (FIELDS[0].column_type.raw(LISTS), FIELDS[1].column_type.raw(WEIGHTS))
    raw = tuple(
        tf.RaggedTensor.from_row_lengths(
            tf.constant(one.flatten().to_numpy(zero_copy_only=False)),
            one.value_lengths().to_numpy().astype(np.int64),
        )
        for one in columns
    )
    places = {b"a": 0, b"b": 1, b"c": 2}

    def look_up(texts: Any) -> Any:
        return tf.constant([places.get(text, 3) for text in texts.numpy()], tf.int64)

    made = graph.features("x", PART, raw, look_up, KNOWN)
    assert made["x"].to_list() == IDS
    assert made["x.weights"].to_list() == COUNTED


@pytest.mark.parametrize("read", [2, 5])
def test_the_file_makes_the_same_padded_with_0(read: int) -> None:
    nodes = Nodes()
    onnx.add_nodes(nodes, "x", PART, RawInput("x", read, ["a", "b", "c"], {}, {"w": read}))
    fed = {
        "x": FIELDS[0].column_type.fed(LISTS, read),
        "w": FIELDS[1].column_type.fed(WEIGHTS, read),
    }
    kinds = {"x": TensorProto.STRING, "w": TensorProto.FLOAT}
    inputs = [helper.make_tensor_value_info(n, k, [None, read]) for n, k in kinds.items()]
    output = helper.make_tensor_value_info(feature("x.weights"), TensorProto.FLOAT, [None, 2])
    made = helper.make_graph(nodes.nodes, "x", inputs, [output], nodes.constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    padded = [[0.0] * (2 - len(row)) + row for row in COUNTED]
    assert session.run(None, fed)[0].tolist() == padded
    # As training has them.
    ragged = tf.ragged.constant(COUNTED, dtype=tf.float32)
    assert left_padded(ragged, length=2, padding=0.0).numpy().tolist() == padded


def test_a_mean_is_by_the_sum_of_the_weights_and_padding_counts_for_nothing() -> None:
    draw = np.random.default_rng(1)
    vectors = draw.normal(size=(3, 4, 5)).astype(np.float32)
    weights = draw.uniform(0, 9, (3, 4)).astype(np.float32)
    weights[2] = 0
    real = np.array([[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], bool)
    total = (vectors * (weights * real)[:, :, None]).sum(axis=1)
    one, two, three = (ops.convert_to_tensor(given) for given in (vectors, real, weights))
    made = {how: np.asarray(weighted(one, two, three, how)) for how in ("sum", "mean")}
    np.testing.assert_allclose(made["sum"], total, rtol=1e-5)
    whole = (weights * real).sum(axis=1, keepdims=True)
    whole[2] = 1
    np.testing.assert_allclose(made["mean"], total / whole, rtol=1e-5)


SPEC = """
name: weighted
vocabularies: {item: {}}
inputs:
  items: {kind: sequence, vocabulary: item, length: 4, embedding: 4, combine: HOW, weights: n of}
  before: {kind: sequence, column: items, vocabulary: item, length: 6, embedding: 4}
trunk: {layers: [8]}
heads:
  more: {kind: binary, inputs: [items]}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 8, batch_size: 32, learning_rate: 0.05}
"""


def rows(count: int = 900) -> pa.Table:
    """Two values, equally often there: the weights alone say of which there is more."""
    draw = np.random.default_rng(5)
    weights = draw.uniform(0, 2, (count, 2))
    cells = [row.tolist() for row in weights]
    cells[3], cells[7] = [1.0], [1.0, -1.0]
    order = draw.integers(0, 2, count)
    lists = [["a", "b"] if one else ["b", "a"] for one in order]
    more = (weights[:, 0] > weights[:, 1]) == (order == 1)
    columns = {"items": lists, "n of": pa.array(cells), "more": more}
    return pa.table({"row": [str(at) for at in range(count)], **columns})


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_weights_are_learned_from_and_the_file_reads_them(how: str, tmp_path: Path) -> None:
    out = through_all_stages(parse_spec(SPEC.replace("HOW", how)), rows(), tmp_path / "out")
    assert read_json(out / "run" / "metrics.json")["eval"]["more"]["accuracy"] > 0.9
    said = DataFolder(out / "data").statistics.rejected_by_column
    assert said == {"negative in column 'n of'": 1, "other_length in column 'n of'": 1}
    certificate = read_json(out / "model" / "certificate.json")
    assert certificate["largest_differences"]["features"]["items.weights"] == 0
    scorer = Scorer(out / "model" / "model.onnx")
    asked = {"items": "a b", "n of": "2 0"}, {"items": '["a", "b"]', "n of": "[0, 2]"}
    more, less = (float(answer(scorer, one).split()[1]) for one in asked)
    assert more > 80 > 20 > less
    with pytest.raises(Failure, match="other_length in column 'n of'"):
        answer(scorer, {"items": "a b", "n of": "2"})


@pytest.mark.parametrize("how", ["concat", "max", "lstm, units: 4", "attention"])
def test_weights_go_with_a_mean_or_a_sum_only(how: str) -> None:
    with pytest.raises(Failure, match="`weights` go with `combine: mean` or `combine: sum` only"):
        parse_spec(SPEC.replace("HOW", how))


def test_a_target_is_no_weight() -> None:
    with pytest.raises(Failure, match=r"heads.more: column 'n of' is also read by inputs.items"):
        parse_spec(SPEC.replace("HOW", "mean").replace("binary,", "binary, column: n of,"))


TEXT_PART = Sequence(vocabulary="item", length=2, combine="mean", weight_separator=":")
LIST = prepare.field(TEXT_PART, "x")
BOTH = [LIST, replace(LIST.weights(), name="x:vector", beside="x")]
# Cells of text, and of lists: the values and weights, or why the row is bad.
TEXT_CELLS: list[tuple[Any, Any]] = [
    ("milk:1.5 bread:2", (["milk", "bread"], [1.5, 2.0])),
    ('["milk:1.5", "rye bread:2"]', (["milk", "rye bread"], [1.5, 2.0])),
    ("a:b:3 :0", (["a:b", ""], [3.0, 0.0])),
    ("8.0:1e2", (["8.0"], [100.0])),
    ("", ([], [])),
    (None, (None, None)),
    ("milk", "without_weight"),
    ("milk:1 bread", "without_weight"),
    ("milk: bread:1", "not_a_number"),
    ("milk:x", "not_a_number"),
    ("milk:nan", "not_a_number"),
    ("milk:-1", "negative"),
    ("milk:1e39", "not_finite"),
]
LIST_CELLS: list[tuple[Any, Any]] = [
    (["milk:1.5", "rye bread:2"], (["milk", "rye bread"], [1.5, 2.0])),
    ([], ([], [])),
    (None, (None, None)),
    (["milk:1", None], "without_weight"),
    (["milk"], "without_weight"),
    (["milk:"], "not_a_number"),
]


@pytest.mark.parametrize("cells", [TEXT_CELLS, LIST_CELLS], ids=["texts", "lists"])
def test_each_text_is_a_value_and_its_weight(cells: list[tuple[Any, Any]]) -> None:
    rows = pa.RecordBatch.from_pydict({"x": [cell for cell, _ in cells]})
    made, good, bad = cast(rows, BOTH)
    pairs = zip(made["x"].to_pylist(), made["x:vector"].to_pylist(), strict=True)
    found: dict[int, Any] = dict(zip(good.tolist(), pairs, strict=True))
    found |= {one.row: one.reason for one in bad}
    assert [found[at] for at in range(len(cells))] == [said for _, said in cells]


def test_a_spec_gives_the_weights_of_a_text_a_field_of_their_own() -> None:
    spec = parse_spec(TEXT_SPEC.replace("HOW", "mean"))
    values, weights = fields_of(spec).inputs["items"]
    assert (values.kind, weights.kind) == ("list", "vector")
    assert (values.column, weights.column) == ("items", "items")
    assert (weights.output, weights.beside, weights.nonnegative) == ("items:vector", "items", True)


TEXT_SPEC = """
name: weighted
vocabularies: {item: {}}
inputs:
  items:
    {kind: sequence, vocabulary: item, length: 4, embedding: 4, combine: HOW, weight_separator: ":"}
trunk: {layers: [8]}
heads:
  more: {kind: binary}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 8, batch_size: 32, learning_rate: 0.05}
"""


def text_rows() -> pa.Table:
    """The rows of `rows`, each value with its weight in one text; two of them are bad."""
    table = rows()
    cells = [
        " ".join(f"{value}:{weight!r}" for value, weight in zip(values, weights, strict=False))
        for values, weights in zip(
            table["items"].to_pylist(), table["n of"].to_pylist(), strict=True
        )
    ]
    cells[3] = "a:1 b"
    columns = {"row": table["row"], "items": pa.array(cells), "more": table["more"]}
    return pa.table(columns)


def test_weights_in_texts_are_learned_from_and_the_file_reads_them(tmp_path: Path) -> None:
    out = through_all_stages(
        parse_spec(TEXT_SPEC.replace("HOW", "mean")), text_rows(), tmp_path / "out"
    )
    assert read_json(out / "run" / "metrics.json")["eval"]["more"]["accuracy"] > 0.9
    said = DataFolder(out / "data").statistics.rejected_by_column
    assert said == {"negative in column 'items'": 1, "without_weight in column 'items'": 1}
    assert list(DataFolder(out / "data").vocabulary("item")) in (["a", "b"], ["b", "a"])
    certificate = read_json(out / "model" / "certificate.json")
    assert certificate["largest_differences"]["features"]["items.weights"] == 0
    scorer = Scorer(out / "model" / "model.onnx")
    asked = {"items": "a:2 b:0"}, {"items": '["a:0", "b:2"]'}
    more, less = (float(answer(scorer, one).split()[1]) for one in asked)
    assert more > 80 > 20 > less
    of_run = words("--run", out / "run", "--model", out / "model" / "model.onnx")
    report.run([*of_run, *words("--output", tmp_path / "report.html")])
    with pytest.raises(Failure, match="without_weight in column 'items'"):
        answer(scorer, {"items": "a:1 b"})


def test_both_ways_to_give_weights_score_alike(tmp_path: Path) -> None:
    """The same rows and seed: the same model."""
    made = {}
    for name, spec, table in (
        ("text", TEXT_SPEC, text_rows()),
        ("columns", TEXT_SPEC.replace('weight_separator: ":"', "weights: n of"), rows()),
    ):
        said = parse_spec(spec.replace("HOW", "sum").replace("epochs: 8", "epochs: 1"))
        made[name] = through_all_stages(said, table, tmp_path / name) / "scores.parquet"
    text, columns = (pq.read_table(made[name]) for name in ("text", "columns"))
    assert text.num_rows == 898
    assert text.to_pylist() == columns.to_pylist()


@pytest.mark.parametrize(
    ("new", "rule"),
    [
        ('concat, weight_separator: ":"', "`weight_separator` goes with `combine: mean` or"),
        ('mean, weight_separator: ":", weights: w', "not in both"),
        ('mean, weight_separator: " x"', "must not hold the `separator`"),
    ],
)
def test_a_weight_separator_that_cannot_be_is_refused(new: str, rule: str) -> None:
    with pytest.raises(Failure, match=rule):
        parse_spec(TEXT_SPEC.replace('HOW, weight_separator: ":"', new))


def test_made_up_rows_have_weights_in_their_texts() -> None:
    spec = parse_spec(TEXT_SPEC.replace("HOW", "mean"))
    _, good, bad = cast(rows_for(spec, 50, 1).to_batches()[0], fields_of(spec).of_inputs())
    assert (len(good), bad) == (50, [])
