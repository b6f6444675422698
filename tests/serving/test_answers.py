"""Sets beyond top_k, labels too unlikely to be an answer, and yes or no."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from small_run import LABELS, TAGS, exported, small_rows

from kinds.heads.coverage import Calibration, Shape
from pipeline.failures import Exit, Failure
from serving.ask import answer
from serving.model_file import answers
from serving.model_file.answers import Answers
from serving.scorer import Scorer

MODEL = exported() / "model" / "model.onnx"
ROWS = small_rows(300)
LIMIT = 0.6


def asked(**settings: Any) -> Scorer:
    """The small model, which knows no calibration of its own."""
    scorer = Scorer(MODEL)
    scorer._answers = Answers(**settings)
    return scorer


def calibration(penalty: float = 0.0) -> dict[str, Calibration]:
    return {"next": Calibration(9, [8], [LIMIT], Shape(penalty))}


def every_score() -> tuple[list[list[str]], np.ndarray]:
    found = Scorer(MODEL).score(ROWS, top_k=len(LABELS))
    return found["next.labels"].to_pylist(), np.array(found["next.scores"].to_pylist())


@pytest.mark.parametrize("ranked", [1, 2, 32])
def test_a_set_is_exact_however_few_labels_are_asked_for(
    ranked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "RANKED", ranked)
    monkeypatch.setattr(answers, "TIMES", 2)
    found = asked(coverage=0.9, known=calibration()).score(ROWS, top_k=1)
    labels, scores = every_score()
    sizes = (np.cumsum(scores, axis=1) - scores <= LIMIT).sum(axis=1)
    assert sizes.min() == 1 and sizes.max() > 2
    expected = [row[:size] for row, size in zip(labels, sizes, strict=True)]
    assert found["next.set"].to_pylist() == expected
    assert found["next.labels"].to_pylist() == [row[:1] for row in labels]


def test_a_set_of_several_labels_has_those_of_a_least_probability() -> None:
    """Minus the logarithm of .4; whatever the coverage, the same limit for all rows."""
    limit = float(-np.log(0.4))
    known = {"tags": Calibration(9, [8], [limit], Shape())}
    found = asked(coverage=0.9, known=known).score(ROWS, top_k=1)
    every = Scorer(MODEL).score(ROWS, top_k=len(TAGS))
    expected = [
        [label for label, score in zip(labels, scores, strict=True) if score >= 0.4]
        for labels, scores in zip(
            every["tags.labels"].to_pylist(), every["tags.scores"].to_pylist(), strict=True
        )
    ]
    assert found["tags.set"].to_pylist() == expected
    assert {len(one) for one in expected} >= {0, 1, 2}


def test_other_results_stay_what_they_are() -> None:
    usual = Scorer(MODEL).score(ROWS)
    found = asked(coverage=0.9, known=calibration(), thresholds={"ends": 0.3}).score(ROWS)
    assert set(found.schema.names) - set(usual.schema.names) == {"next.set", "ends.answer"}
    assert found.select(usual.schema.names).equals(usual)
    assert found["ends.answer"].to_pylist() == [s >= 0.3 for s in usual["ends.score"].to_pylist()]


def test_labels_below_the_least_score_are_left_out() -> None:
    usual, found = Scorer(MODEL).score(ROWS), Scorer(MODEL, min_score=0.4).score(ROWS)
    for head in ("next", "tags"):
        pairs = zip(usual[f"{head}.labels"], usual[f"{head}.scores"], strict=True)
        kept = [
            [(label, score) for label, score in zip(*row, strict=True) if score >= 0.4]
            for row in ((labels.as_py(), scores.as_py()) for labels, scores in pairs)
        ]
        assert found[f"{head}.labels"].to_pylist() == [[label for label, _ in row] for row in kept]
        assert found[f"{head}.scores"].to_pylist() == [[score for _, score in row] for row in kept]
    assert [] in found["next.labels"].to_pylist()
    assert found["left.value"].equals(usual["left.value"])


def test_no_answer_is_said() -> None:
    told = answer(Scorer(MODEL, min_score=0.999), {"word": "cat", "place": "1"})
    assert "next\n   no answer" in told


def test_no_rows_are_no_failure() -> None:
    found = asked(coverage=0.9, known=calibration()).score(ROWS.slice(0, 0))
    assert found.num_rows == 0 and found.schema.field("next.set").type == pa.list_(pa.string())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"coverage": 0.9}, "a model with a calibration"),
        ({"coverage": 1.5}, "between 0 and 1"),
        ({"min_score": 0.0}, "between 0 and 1"),
        ({"answers": True}, "a threshold"),
        ({"min_score": 0.5, "labels_only": True}, "leave out labels_only"),
    ],
)
def test_what_a_model_cannot_give_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Failure, match=said) as failure:
        Scorer(Path(MODEL), **settings)
    assert failure.value.exit_code == Exit.USAGE


def test_where_the_split_is_by_time_a_coverage_has_a_note_and_nothing_else_has() -> None:
    by_time = {"by": "time", "column": "day", "eval": 0.1, "test": 0.1}
    for settings, split, notes in (
        ({"coverage": 0.9, "known": calibration()}, by_time, 1),
        ({"coverage": 0.9, "known": calibration()}, {"by": "row", "eval": 0.1, "test": 0.1}, 0),
        ({"least": 0.5}, by_time, 0),
    ):
        scorer = asked(**settings)
        scorer.metadata.facts["spec"]["split"] = split
        found = scorer.notes()
        assert len(found) == notes and all("rows to score are later" in one for one in found)
