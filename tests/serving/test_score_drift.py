"""Rows that are scored against the training rows, by what the one file knows of them."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import WORDS, exported, small_rows, training_rows

from pipeline.distributions import COUNTED, TOP, of_texts
from pipeline.distributions.distances import JENSEN_SHANNON, L_INFINITY
from pipeline.distributions.value_counts import ValueCounts, with_values
from pipeline.failures import Exit, Failure
from serving import score
from serving.evaluation.drift import counting
from serving.model_file.metadata import Metadata
from serving.scorer import Scorer
from serving.scoring import batches, publishing

TEXTS, NUMBERS = ["word", "before", "last", "story"], ["age", "size", "place", "band"]


def run(rows: Path, output: Path, *more: str) -> None:
    model = exported() / "model" / "model.onnx"
    score.run(["--model", str(model), "--input", str(rows), "--output", str(output), *more])


def written(folder: Path, rows: pa.Table) -> Path:
    pyarrow.parquet.write_table(rows, folder / "rows.parquet")
    return folder / "rows.parquet"


def drift(output: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(output.with_name(output.name + ".drift.json").read_text())
    return said


def shifted() -> pa.Table:
    """Many more cats, and sizes 30 higher."""
    rows = training_rows()
    words = ["cat" if at % 3 == 0 else word for at, word in enumerate(rows["word"].to_pylist())]
    sizes = [None if size is None else size + 30 for size in rows["size"].to_pylist()]
    rows = rows.set_column(rows.schema.get_field_index("word"), "word", pa.array(words))
    return rows.set_column(rows.schema.get_field_index("size"), "size", pa.array(sizes))


def test_the_training_rows_themselves_give_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "s.parquet"
    run(written(tmp_path, training_rows()), output, "--fail-on-drift")
    said = drift(output)
    distances = {one["of"]: one["distance"] for one in said["distances"]}
    assert list(distances) == [*TEXTS, *NUMBERS]
    assert [distances[name] for name in TEXTS] == [0.0] * len(TEXTS)
    # Between kept percentiles and counted numbers.
    assert max(distances[name] for name in NUMBERS) < 0.001
    assert (said["rows"], said["warnings"]) == (len(training_rows()), [])
    assert "1,000 rows against the training rows" in capsys.readouterr().out


def test_rows_that_moved_are_named_with_the_distance_of_the_definition(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = training_rows(), shifted()
    run(written(tmp_path, new), tmp_path / "s.csv", "--drift")
    said = drift(tmp_path / "s.csv")
    found = {one["of"]: one for one in said["distances"]}

    def share(rows: pa.Table, word: str) -> float:
        return Counter(rows["word"].to_pylist())[word] / len(rows)

    assert found["word"]["measure"] == L_INFINITY
    assert found["word"]["value"] == "cat"
    assert found["word"]["distance"] == pytest.approx(share(new, "cat") - share(old, "cat"))

    def entropy(shares: np.ndarray) -> float:
        return -sum(p * math.log2(p) for p in shares if p)

    borders = np.percentile(old["size"].drop_null().to_numpy(), np.arange(0, 101, 10))
    borders = np.array([-np.inf, *borders.astype(np.float32), np.inf])

    def shares(rows: pa.Table) -> np.ndarray:
        numbers = -rows["size"].drop_null().to_numpy().astype(np.float32)
        # A border belongs to the bucket below it, and histogram's to the one above.
        counts = np.histogram(numbers, -borders[::-1])[0][::-1]
        return np.append(counts, rows["size"].null_count) / len(rows)

    before, after = shares(old), shares(new)
    divergence = entropy((before + after) / 2) - (entropy(before) + entropy(after)) / 2
    assert found["size"]["measure"] == JENSEN_SHANNON
    assert found["size"]["distance"] == pytest.approx(divergence, abs=0.002)
    assert {one["of"] for one in said["warnings"]} == {"word", "size", "band"}
    assert "COMPARATOR_L_INFTY_HIGH" in {one["anomaly"] for one in said["warnings"]}
    assert 'the value with the greatest difference is "cat"' in capsys.readouterr().out


def test_drift_that_is_to_fail_publishes_nothing_until_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, output = written(tmp_path, shifted()), tmp_path / "s.csv"
    for _ in range(2):
        with pytest.raises(Failure) as failure:
            run(rows, output, "--fail-on-drift")
        assert failure.value.exit_code == Exit.BAD_ROWS
        assert str(failure.value).endswith("Received: word, size, band")
        assert not output.exists()
        assert len(drift(output)["warnings"]) == 3
    run(rows, output, "--fail-on-drift", "--infinity-norm", "0.5", "--jensen-shannon", "1")
    output.unlink()
    with pytest.raises(Failure):
        run(rows, output, "--fail-on-drift")
    with monkeypatch.context() as patch:
        patch.delattr(Scorer, "score_later")  # All rows were scored before.
        run(rows, output, "--drift")
    assert len(output.read_text().splitlines()) == 1 + len(shifted())


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_killed_run_counts_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    monkeypatch.setattr(batches, "READ_ROWS", 30)
    monkeypatch.setattr(publishing, "BATCHES_OF_A_PART", 3)
    rows = written(tmp_path, shifted())
    run(rows, tmp_path / "whole.csv", "--drift", "--workers", workers)
    numbers, real = iter(range(20)), Scorer.score_later

    def until(self: Scorer, *given: Any) -> Any:
        next(numbers)
        return real(self, *given)

    with monkeypatch.context() as patch, pytest.raises((StopIteration, RuntimeError)):
        patch.setattr(Scorer, "score_later", until)
        run(rows, tmp_path / "s.csv", "--drift", "--workers", workers)
    assert list(tmp_path.glob(".s.csv.parts/*.seen"))
    run(rows, tmp_path / "s.csv", "--drift", "--workers", workers)
    assert drift(tmp_path / "s.csv") == drift(tmp_path / "whole.csv")
    assert not list(tmp_path.glob(".s.csv.parts"))


def test_rows_of_an_earlier_command_do_not_keep_their_distances(tmp_path: Path) -> None:
    rows, output = written(tmp_path, small_rows(20)), tmp_path / "s.csv"
    run(rows, output, "--drift", "--evaluate")
    assert {path.name for path in tmp_path.glob("s.csv.*")} == {
        "s.csv.drift.json",
        "s.csv.metrics.json",
    }
    run(rows, output, "--force")
    assert not list(tmp_path.glob("s.csv.*"))


def test_a_model_says_no_value_that_its_vocabulary_does_not_hold() -> None:
    known = Scorer(exported() / "model" / "model.onnx").metadata.training
    counts = Counter(training_rows()["word"].to_pylist())
    assert "dog" in counts and "dog" not in WORDS
    assert dict(known["word"]["top"]) == {word: counts[word] for word in WORDS if word}
    assert known["word"]["unlisted"] == counts["dog"]


@pytest.mark.parametrize(
    ("training", "code"),
    [
        ({}, Exit.USAGE),
        ({"x": {"column": "y", "length": None}}, Exit.INTEGRITY),
        ({"x": {"column": "x"}}, Exit.INTEGRITY),
        ({"x": 5}, Exit.INTEGRITY),
    ],
)
def test_a_model_that_does_not_know_its_training_rows_is_refused(
    training: dict[str, Any], code: Exit
) -> None:
    file = Metadata("m", (), {}, (), (), 1, training=training)
    with pytest.raises(Failure) as failure:
        counting(file)
    assert failure.value.exit_code == code


def test_what_a_model_knows_of_an_input_has_room_for_any_values() -> None:
    """4 KB an input, and what does not fit is never taken for a value that is new."""
    long = [f"{at:02}" + "x" * 500 for at in range(50)]
    kept = of_texts(with_values(ValueCounts(limit=COUNTED), pa.array(long)), 50, 0)
    assert len(json.dumps(kept)) < 5_000
    assert 0 < len(kept["top"]) < 10
    assert kept["unlisted"] == 1
    short = of_texts(with_values(ValueCounts(limit=COUNTED), pa.array(["a", "a", "b"])), 3, 0)
    assert (short["top"], short["unlisted"]) == ([["a", 2], ["b", 1]], 0)
    many = [f"{at:03}" for at in range(TOP + 1)]
    full = of_texts(with_values(ValueCounts(limit=COUNTED), pa.array(many)), TOP + 1, 0)
    assert (len(full["top"]), full["unlisted"]) == (TOP, 1)
