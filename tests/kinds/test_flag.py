"""The input `flag`: its features in Arrow, in the transform graph and in the file; all stages."""

import json
import math
from collections import Counter
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
from kinds.columns import cast
from kinds.inputs.flag import graph, onnx, prepare, show
from kinds.inputs.flag.spec import Flag
from kinds.inputs.onnx import RawInput
from kinds.looks.column import Column
from kinds.nodes import Nodes
from kinds.prepare import Findings, Known
from kinds.tensors import feature
from pipeline.failures import Failure
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec
from serving import report, score
from serving.scorer import Scorer

HARD = ["1", "0", " yes ", "NO", "True", "f", "1.0", "0.0", "", None, "y", "n"]
MADE = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
MISSING = [0.0] * 8 + [1.0, 1.0, 0.0, 0.0]

SPEC = """
name: flags
keys: [row]
inputs:
  paid: {kind: flag, column: was paid}
  member: {kind: flag, missing: reject}
  age: {kind: number}
trunk: {layers: [8]}
heads:
  bought: {kind: binary}
  amount: {kind: regression}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 6, batch_size: 32, learning_rate: 0.02}
"""


def typed(part: Flag, texts: list[str | None]) -> pa.Array:
    rows = pa.RecordBatch.from_pydict({"x": pa.array(texts, pa.string())})
    return cast(rows, [prepare.field(part, "x")])[0].column("x")


def in_arrow(part: Flag, column: pa.Array) -> dict[str, list[float]]:
    made = prepare.features("x", part, column, Known())
    return {name: lists.flatten().to_pylist() for name, lists in made.items()}


def in_the_graph(part: Flag, column: pa.Array) -> dict[str, list[float]]:
    raw = tf.constant(column.to_numpy(zero_copy_only=False))
    made = graph.features("x", part, raw, None, Known())
    return {name: values.numpy()[:, 0].tolist() for name, values in made.items()}


def in_the_file(part: Flag, column: pa.Array) -> dict[str, list[float]]:
    nodes, names = Nodes(), prepare.feature_names("x", part)
    onnx.add_nodes(nodes, "x", part, RawInput("column"))
    described = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"])
        for name in ("column", *map(feature, names))
    ]
    made = helper.make_graph(nodes.nodes, "x", described[:1], described[1:], nodes.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results = session.run(None, {"column": column.to_numpy(zero_copy_only=False)})
    return dict(zip(names, (values.tolist() for values in results), strict=True))


def test_hard_cells_are_the_same_in_arrow_in_the_graph_and_in_the_file() -> None:
    column = typed(Flag(), HARD)
    expected = {"x": MADE, "x.missing": MISSING}
    assert in_arrow(Flag(), column) == expected
    assert in_the_graph(Flag(), column) == expected
    assert in_the_file(Flag(), column) == expected


def test_where_none_may_be_missing_there_is_one_feature_and_rows_without_are_bad() -> None:
    part = Flag(missing="reject")
    column = typed(part, HARD)
    expected = {"x": MADE[:8] + MADE[10:]}
    assert in_arrow(part, column) == in_the_graph(part, column) == expected
    assert in_the_file(part, column) == expected


@pytest.mark.parametrize(
    ("values", "missing", "positive", "names"),
    [
        (4, 4, 0, ["ALL_MISSING"]),
        (4, 1, 3, ["CONSTANT"]),
        (4, 1, 0, ["CONSTANT"]),
        (4, 1, 2, []),
    ],
)
def test_a_flag_that_says_nothing_is_an_anomaly(
    values: int, missing: int, positive: int, names: list[str]
) -> None:
    rows = [1.0] * positive + [0.0] * (values - missing - positive) + [math.nan] * missing
    made = pa.RecordBatch.from_pydict(
        prepare.features("x", Flag(), pa.array(rows, pa.float32()), Known())
    )
    counts = Counter(prepare.counts("x", Flag(), made, 0))
    said = prepare.statistics(Flag(), {"train": counts})
    found = Findings(dict(said))
    assert [name for name, _ in prepare.anomalies(Flag(), found)] == names


def test_a_guess_from_rows_stays_a_category() -> None:
    look = show.could_be(Column("x", "x", pa.array(["yes", "no", ""] * 9)))
    assert look is not None and look.sure < 0.95
    assert show.could_be(Column("x", "x", pa.array(["a", "b"] * 9))) is None


@pytest.mark.parametrize("settings", ["missing: 0.5", "vocabulary: word", "scale: log"])
def test_settings_of_other_kinds_are_refused(settings: str) -> None:
    with pytest.raises(Failure, match=r"inputs\.paid"):
        parse_spec(SPEC.replace("column: was paid", settings))


@pytest.fixture(scope="module")
def spec() -> Spec:
    return parse_spec(SPEC)


@pytest.fixture(scope="module")
def rows(spec: Spec) -> pa.Table:
    return rows_for(spec, 1500, seed=5)


@pytest.fixture(scope="module")
def output(spec: Spec, rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(spec, rows, tmp_path_factory.mktemp("flag") / "out")


def test_a_model_learns_from_flags(output: Path) -> None:
    metrics = read_json(output / "run" / "metrics.json")
    for head, measure in (("bought", "log_loss"), ("amount", "root_mean_squared_error")):
        constant = metrics["baselines"][head]["constant"]["test"][measure]
        assert metrics["test"][head][measure] < 0.7 * constant


def test_prepare_says_how_many_are_yes_and_how_many_missing(output: Path, rows: pa.Table) -> None:
    said = read_json(output / "data" / "statistics.json")
    train = said["inputs"]["paid"]["train"]
    assert set(said["inputs"]["paid"]) == {"train", "eval", "test"}
    assert 0.02 < train["missing"] < 0.08 and 0.4 < train["positive"] < 0.6
    assert said["inputs"]["member"]["train"]["missing"] == 0
    assert {text for text, _ in said["distributions"]["paid"]["top"]} == {"0", "1"}
    assert said["warnings"] == []


def test_the_file_is_certified_and_described(output: Path) -> None:
    certificate = read_json(output / "model" / "certificate.json")
    assert {"paid", "paid.missing", "member"} < set(certificate["largest_differences"]["features"])
    assert all(certificate["largest_differences"]["features"][n] == 0 for n in ("paid", "member"))
    card = (output / "model" / "README.md").read_text(encoding="utf-8")
    assert "| paid | was paid | flag | no, and a second feature says so |" in card
    assert "| member | member | flag | the row is bad |" in card


def test_the_report_shows_it(output: Path) -> None:
    made = words("--run", output / "run", "--model", output / "model" / "model.onnx")
    report.run([*made, "--output", str(output / "report.html")])
    assert ">yes or no<" in (output / "report.html").read_text(encoding="utf-8")


def test_it_scores_every_way_of_saying_yes_alike(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx")

    def scores(texts: list[Any]) -> list[float]:
        table = pa.table({"row": texts, "was paid": texts, "member": ["t"] * len(texts)})
        with_age = table.append_column("age", pa.array([40.0] * len(texts)))
        found: list[float] = scorer.score(with_age)["bought.score"].to_pylist()
        return found

    yes, no, missing = scores(["yes", "no", ""])
    assert len({yes, no, missing}) == 3
    assert scores(["1", "TRUE", " y "]) == [yes] * 3
    assert scores(["0", "False", "n"]) == [no] * 3
    with pytest.raises(Failure, match="not_a_flag"):
        scores(["perhaps"])


def test_rows_with_another_share_of_yes_have_drifted(output: Path, rows: pa.Table) -> None:
    at = rows.schema.get_field_index("was paid")
    turned = rows.set_column(at, "was paid", pa.array([True] * rows.num_rows))
    pq.write_table(turned, output / "turned.parquet")
    model, to = output / "model" / "model.onnx", output / "turned.csv"
    score.run(
        words("--model", model, "--input", output / "turned.parquet", "--output", to, "--drift")
    )
    found = json.loads((output / "turned.csv.drift.json").read_text())
    distances = {one["of"]: one for one in found["distances"]}
    assert 0.4 < distances["paid"]["distance"] < 0.6
    assert distances["member"]["distance"] < 0.05
    assert [one["of"] for one in found["warnings"]][:1] == ["paid"]


def test_made_up_flags_are_worth_what_they_say() -> None:
    random = np.random.default_rng(0)
    cells, worth = show.made_up(Flag(), [], 1000, 0.1, random)
    told = dict(zip(cells.to_pylist(), worth.tolist(), strict=True))
    assert told == {True: 1.0, False: -1.0, None: 0.0}
