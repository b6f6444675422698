"""Columns that are good row by row and useless as a whole are named, and only those."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from chain import read_json, through_all_stages

from pipeline import prepare
from pipeline.spec.file import parse_spec

SPEC = """
name: odd
keys: [row, same_label]
vocabularies:
  none: {}
  ids: {}
  one: {}
  groups: {}
  labels: {}
  one_label: {}
  colours: {values: [red, green]}
inputs:
  none: {kind: category, vocabulary: none}
  one: {kind: category, vocabulary: one}
  ids: {kind: category, vocabulary: ids}
  group: {kind: category, vocabulary: groups}
  empty: {kind: number}
  same: {kind: number}
  varies: {kind: number}
  plain: {kind: number, scale: none}
heads:
  label: {kind: classification, vocabulary: labels}
  same_label: {kind: classification, vocabulary: one_label}
  colour: {kind: classification, vocabulary: colours}
  sure: {kind: binary}
  mixed: {kind: binary}
  price: {kind: regression}
  nothing: {kind: regression}
  visits: {kind: count}
  seldom: {kind: regression}
split: {by: column, column: side, eval: [e]}
"""
ROWS = 40
EXPECTED = {
    ("CONSTANT", "one"),
    ("CONSTANT", "none"),
    ("ID", "ids"),
    ("UNSEEN_IN_EVAL", "ids"),
    ("UNSEEN_IN_EVAL", "group"),
    ("ALL_MISSING", "empty"),
    ("CONSTANT", "same"),
    ("RARE_CLASS", "label"),
    ("ONE_CLASS", "same_label"),
    ("LABEL_IS_KEY", "same_label"),
    ("ONE_CLASS", "colour"),
    ("ONE_CLASS", "sure"),
    ("CONSTANT", "price"),
    ("ALL_MISSING", "nothing"),
    ("CONSTANT", "visits"),
    ("CONSTANT", "plain"),
    ("TARGETS_MISSING", "seldom"),
}


def _row(at: int) -> dict[str, object]:
    is_eval = at % 4 == 0
    return {
        "row": str(at),
        "none": "x" if at == 1 else "",
        "one": "x",
        "ids": f"id{at}",
        "group": f"{is_eval}{at % 3}",
        "empty": None,
        "same": 7,
        # Mean 0 and deviation 1, which is what a number that does not vary is given.
        "varies": 1 if at % 2 else -1,
        "label": "rare" if at == 1 else f"label{at % 2}",
        "same_label": "x",
        "colour": "green",
        "sure": True,
        "mixed": at % 2,
        "price": 5,
        "nothing": None,
        "visits": 2,
        "seldom": None if at % 3 else at,
        "plain": 1.5,
        "side": "e" if is_eval else "",
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anomalies")
    (folder / "spec.yaml").write_text(SPEC)
    lines = [json.dumps(_row(at)) + "\n" for at in range(ROWS)]
    (folder / "rows.jsonl").write_text("".join(lines))
    inputs = ["--input", str(folder / "rows.jsonl"), "--output", str(folder / "data")]
    prepare.run(["--spec", str(folder / "spec.yaml"), *inputs])
    return folder / "data"


def test_each_anomaly_is_named_and_no_other(data: Path) -> None:
    said = json.loads((data / "statistics.json").read_text())["warnings"]
    found = {(warning["anomaly"], warning["of"]) for warning in said}
    assert found == EXPECTED


def test_the_share_of_a_flag_is_counted(data: Path) -> None:
    said = json.loads((data / "statistics.json").read_text())["heads"]["mixed"]["train"]
    assert said == {"targets": 30, "missing": 0.0, "positive": pytest.approx(20 / 30)}


def test_columns_of_no_use_train_export_and_score(tmp_path: Path) -> None:
    """All but a head without a target, which training refuses (test_priors)."""
    text = SPEC.replace("  nothing: {kind: regression}\n", "")
    spec = parse_spec(text + "trunk: {layers: [4]}\ntraining: {epochs: 1, batch_size: 16}\n")
    rows = [_row(at) | {"varies": at} for at in range(ROWS)]
    output = through_all_stages(spec, pa.Table.from_pylist(rows), tmp_path / "out")
    metrics = read_json(output / "run" / "metrics.json")["eval"]
    assert set(metrics) == set(spec.heads)
    assert np.isfinite([value for head in metrics.values() for value in head.values()]).all()
    scores = pyarrow.parquet.read_table(output / "scores.parquet")
    assert len(scores) == ROWS
    for name in ("label.scores", "colour.scores", "sure.score", "price.value"):
        assert np.isfinite(np.ravel(scores[name].to_pylist())).all()
