"""Filtered metrics: the ranks among what is left without the labels that a row leaves out, in
training and of the exported file, compared with ranks that are counted from the scores."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from chain import read_json, through_all_stages, words

from pipeline.spec.file import parse_spec
from serving import score
from serving.scorer import Scorer

SPEC = """
name: graph
vocabularies: {entity: {size: 18}, relation: {}}
inputs:
  entity: {kind: category, vocabulary: entity, embedding: 6}
  relation: {kind: category, vocabulary: relation, embedding: 3}
memory: {by_entity: {of: [entity]}}
heads:
  answer: {kind: classification, vocabulary: entity, filtered: answers, memory: [by_entity],
           select: filtered_mean_reciprocal_rank}
  kin: {kind: binary}
split: {by: column, column: side, eval: [eval], test: [test]}
training: {epochs: 2, batch_size: 64, learning_rate: 0.02}
"""
ENTITIES = 20


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Every question has several answers; some rows have no list, some a list that lacks the row's
    own answer or has labels that nobody knows, and some answers the vocabulary does not hold."""
    draw = np.random.default_rng(4)
    answers: dict[tuple[int, int], list[str]] = {}
    asked = []
    for _ in range(900):
        question = int(draw.geometric(0.2)) % ENTITIES, int(draw.integers(3))
        answer = f"e{(7 * question[0] + question[1] + int(draw.integers(4))) % ENTITIES}"
        answers.setdefault(question, []).append(answer)
        asked.append((question, answer))
    known = [sorted({*answers[question]}) for question, _ in asked]
    lists = [None if at % 11 == 0 else [*own[at % 2 :], "new"] for at, own in enumerate(known)]
    return pa.table(
        {
            "entity": [f"e{entity}" for (entity, _), _ in asked],
            "relation": [f"r{relation}" for (_, relation), _ in asked],
            "answer": [answer for _, answer in asked],
            "answers": pa.array(lists, pa.list_(pa.string())),
            "kin": [at % 2 for at in range(len(asked))],
            "side": draw.choice(["train", "train", "eval", "test"], len(asked)).tolist(),
        }
    )


@pytest.fixture(scope="module")
def stages(rows: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("filtered") / "out"
    return through_all_stages(parse_spec(SPEC), rows, output)


@pytest.fixture(scope="module")
def test_rows(rows: pa.Table) -> pa.Table:
    return rows.filter(pa.compute.equal(rows["side"], "test"))


def counted(model: Path, rows: pa.Table) -> dict[str, float]:
    """From the list of all labels, best first."""
    ranked = Scorer(model).score(rows, top_k=ENTITIES)["answer.labels"].to_pylist()
    ranks = []
    for labels, row in zip(ranked, rows.to_pylist(), strict=True):
        left = [x for x in labels if x == row["answer"] or x not in (row["answers"] or ())]
        ranks.append(1 + left.index(row["answer"]) if row["answer"] in left else np.inf)
    places = np.array(ranks)
    assert np.isinf(places).any()
    gains = np.where(places <= 5, 1 / np.log2(1 + places), 0)
    return {
        "filtered_accuracy@1": float((places <= 1).mean()),
        "filtered_accuracy@5": float((places <= 5).mean()),
        "filtered_ndcg@5": float(gains.mean()),
        "filtered_mean_reciprocal_rank": float((1 / places).mean()),
    }


def agree(found: dict[str, Any], expected: dict[str, float]) -> None:
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_training_ranks_among_what_is_left(stages: Path, test_rows: pa.Table) -> None:
    metrics = read_json(stages / "run" / "metrics.json")
    found = metrics["test"]["answer"]
    agree(found, counted(stages / "model" / "model.onnx", test_rows))
    assert found["filtered_accuracy@1"] > found["accuracy@1"]
    assert "filtered_mean_reciprocal_rank" in metrics["intervals"]["test"]["answer"]


def test_evaluating_the_file_gives_the_same(
    stages: Path, test_rows: pa.Table, tmp_path: Path
) -> None:
    model, path, output = (
        stages / "model" / "model.onnx",
        tmp_path / "r.parquet",
        tmp_path / "s.csv",
    )
    pyarrow.parquet.write_table(test_rows, path)
    evaluate = words("--model", model, "--input", path, "--output", output, "--evaluate")
    score.run(evaluate)
    agree(read_json(tmp_path / "s.csv.metrics.json")["answer"], counted(model, test_rows))
    # Rows that lack the lists have the other metrics.
    pyarrow.parquet.write_table(test_rows.drop_columns(["answers"]), path)
    score.run([*evaluate, "--force"])
    found = read_json(tmp_path / "s.csv.metrics.json")["answer"]
    assert found["targets"] == test_rows.num_rows
    assert not [name for name in found if name.startswith("filtered")]


def test_selecting_by_filtered_ranks_needs_the_lists() -> None:
    with pytest.raises(Exception, match=r"heads\.answer\.select: .* needs `filtered`"):
        parse_spec(SPEC.replace("filtered: answers,", ""))
