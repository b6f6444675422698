"""A head that predicts the next element of a list, through all stages."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
from chain import read_json, through_all_stages, words

from pipeline.folders.data import DataFolder
from pipeline.spec.file import parse_spec
from serving import score
from serving.report import render
from serving.reporting.report_data import read
from serving.scorer import Scorer

SPEC = """
name: lists
keys: [user]
weight: often
vocabularies: {item: {size: 25}, country: {}}
shared: {common: {units: 8, phases: {every: 2, method: kfac, max_evals: 4}}}
inputs:
  items: {kind: sequence, vocabulary: item, length: 8, embedding: 8, through: common,
          combine: transformer, units: 12, attention_heads: 2, dropout: 0.1}
  last: {kind: sequence, column: items, vocabulary: item, length: 1, embedding: 8, through: common}
  country: {kind: category, vocabulary: country, embedding: 4}
memory:
  by_two: {of: [items.last2, items.last], min_count: 2}
  by_last: {of: [items.last], reach: 2}
trunk: {layers: [16], dropout: 0.1}
heads:
  next: {kind: classification, vocabulary: item, next_of: items, tied: item, top_k: 3,
         filtered: items,
         memory: [by_two, by_last]}
split: {by: last}
training: {epochs: 3, batch_size: 64, learning_rate: 0.02, sampled: {negatives: 8, share: 0.5},
           precision: bfloat16}
"""
USERS, ITEMS = 400, 30


@pytest.fixture(scope="module")
def lists() -> list[list[str]]:
    """What comes next follows from what stands last; some lists are empty, some longer than what
    is read, and some items too rare for the vocabulary."""
    draw = np.random.default_rng(3)
    found = []
    for length in draw.integers(0, 13, USERS):
        item, made = int(draw.geometric(0.1)) % ITEMS, []
        for _ in range(length):
            made.append(f"item {item}")
            item = (3 * item + 1 + int(draw.integers(2))) % ITEMS
        found.append(made)
    return found


@pytest.fixture(scope="module")
def stages(lists: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = pa.table(
        {
            "user": [f"user {at}" for at in range(USERS)],
            "country": ["abc"[at % 3] for at in range(USERS)],
            "often": [1.0 + at % 2 for at in range(USERS)],
            "items": lists,
        }
    )
    output = tmp_path_factory.mktemp("lists") / "out"
    return through_all_stages(parse_spec(SPEC), rows, output)


def test_each_list_has_an_example_on_every_side_that_it_is_long_enough_for(
    stages: Path, lists: list[list[str]]
) -> None:
    data = DataFolder(stages / "data")
    lengths = np.array([len(made) for made in lists])
    sides = {side: data.rows(side) for side in ("train", "eval", "test")}
    assert sides == {"train": USERS, "test": sum(lengths > 2), "eval": sum(lengths > 3)}
    assert data.statistics.rows["read"] == USERS
    # Every element of what is left to train on but the first, the last eight of them.
    left = lengths - np.minimum(2, np.maximum(0, lengths - 2))
    expected = np.minimum(8, np.maximum(0, left - 1)).sum()
    assert data.statistics.heads["next"]["train"]["targets"] == expected


def test_the_metrics_of_test_are_those_of_lists_scored_without_their_last_element(
    stages: Path, lists: list[list[str]], tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"user": "", "country": "abc"[at % 3], "often": 1.0 + at % 2, "items": made[:-1]}
        | {"next": made[-1]}
        for at, made in enumerate(lists)
        if len(made) > 2
    ]
    table = pa.Table.from_pylist(rows)
    every = Scorer(stages / "model" / "model.onnx").score(table, top_k=25)["next.labels"]
    best = every.to_pylist()
    right = np.array([b[0] == row["next"] for b, row in zip(best, rows, strict=True)])
    # With the elements that a list has had before left out, all of them.
    left = [
        [x for x in b if x == row["next"] or x not in row["items"]]
        for b, row in zip(best, rows, strict=True)
    ]
    right_of_left = np.array([b[0] == row["next"] for b, row in zip(left, rows, strict=True)])
    weights = np.array([row["often"] for row in rows])
    filtered = pytest.approx((right_of_left * weights).sum() / weights.sum(), abs=1e-6)
    test = read_json(stages / "run" / "metrics.json")["test"]["next"]
    assert test["targets"] == len(rows)
    assert test["accuracy@1"] == pytest.approx((right * weights).sum() / weights.sum(), abs=1e-6)
    assert test["filtered_accuracy@1"] == filtered
    # Rows with a column of what came next are evaluated as any others.
    path, scores = tmp_path / "rows.jsonl", tmp_path / "scores.parquet"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    model = stages / "model" / "model.onnx"
    score.run(words("--model", model, "--input", path, "--output", scores, "--evaluate"))
    evaluated: dict[str, Any] = read_json(tmp_path / "scores.parquet.metrics.json")["next"]
    assert evaluated["accuracy@1"] == pytest.approx(test["accuracy@1"], abs=1e-6)
    assert evaluated["filtered_accuracy@1"] == filtered


def test_it_learns_what_comes_next_with_phases_sampled_classes_and_bfloat16(stages: Path) -> None:
    metrics = read_json(stages / "run" / "metrics.json")
    constant = metrics["baselines"]["next"]["constant"]["test"]["log_loss"]
    assert metrics["test"]["next"]["log_loss"] < 0.8 * constant
    history = (stages / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()
    phases = [one for line in history for one in json.loads(line).get("phases", [])]
    assert phases and any(phase["accepted"] for phase in phases)


def test_its_file_has_no_loop_and_reads_the_list_alone(stages: Path) -> None:
    model = onnx.load(stages / "model" / "model.onnx")
    assert not {node.op_type for node in model.graph.node} & {"Loop", "If", "Scan"}
    read = {one.name for one in model.graph.input}
    assert {"items", "country"} < read and "next" not in read


def test_the_report_shows_what_came_next(stages: Path) -> None:
    page = render(read(stages / "run", stages / "model" / "model.onnx"))
    assert "next" in page and "item 1" in page


def test_sides_of_elements_are_no_sides_of_rows(
    stages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = stages / "model" / "model.onnx"
    said = (
        "--model",
        model,
        "--input",
        stages / "rows.parquet",
        "--output",
        tmp_path / "s.parquet",
    )
    with pytest.raises(Exception, match="elements of a list"):
        score.run(words(*said, "--side", "test"))
