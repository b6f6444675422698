"""A killed run continues: the same output, and no batch scored twice."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from pipeline.failures import Exit, Failure
from serving import score
from serving.scorer import Scorer
from serving.scoring import batches, publishing

ROWS = 100
BATCH = 10


class Killed(BaseException):
    """As a signal would end the run: no `except Exception` sees it."""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "READ_ROWS", BATCH)
    monkeypatch.setattr(publishing, "BATCHES_OF_A_PART", 3)


def source(folder: Path, *, seed: int = 5) -> Path:
    rows = small_rows(ROWS, seed=seed).to_pylist()
    for at in (4, 44, 94):
        rows[at]["place"] = None
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows, small_rows(1).schema), path)
    return path


def run(rows: Path, output: Path, *more: str) -> None:
    model = exported() / "model" / "model.onnx"
    score.run(["--model", str(model), "--input", str(rows), "--output", str(output), *more])


def killed_at(monkeypatch: pytest.MonkeyPatch, batch: int) -> list[int]:
    """Ends the process's work at this batch; the list holds the rows of each one that began."""
    begun: list[int] = []
    real = Scorer.score_later

    def until(self: Scorer, typed: pa.RecordBatch, *rest: object) -> object:
        begun.append(typed.num_rows)
        if len(begun) == batch:
            raise Killed
        return real(self, typed, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Scorer, "score_later", until)
    return begun


def published(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("s.*")}


@pytest.mark.parametrize("batch", [1, 4, 6, 10])
@pytest.mark.parametrize("name", ["s.parquet", "s.jsonl.gz"])
def test_a_killed_run_continues_to_the_same_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int, name: str
) -> None:
    rows = source(tmp_path)
    (tmp_path / "whole").mkdir()
    run(rows, tmp_path / "whole" / name)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, batch)
        run(rows, tmp_path / name)
    assert published(tmp_path) == {}
    begun = killed_at(monkeypatch, 0)
    run(rows, tmp_path / name)
    whole, continued = published(tmp_path / "whole"), published(tmp_path)
    assert set(whole) == {name, f"{name}.rejected.jsonl"}
    assert whole == continued
    # The batch being scored is not yet in a part, nor those since the last whole part.
    assert len(begun) == 10 - max(batch - 2, 0) // 3 * 3
    assert not list(tmp_path.glob(".*.parts"))


@pytest.mark.parametrize("change", ["rows", "options"])
def test_parts_of_another_run_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    rows, output = source(tmp_path), tmp_path / "s.jsonl"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, 9)
        run(rows, output)
    more = ("--top-k", "1") if change == "options" else ()
    if change == "rows":
        source(tmp_path, seed=6)
    run(rows, output, *more)
    run(rows, tmp_path / "fresh.jsonl", *more)
    assert output.read_bytes() == (tmp_path / "fresh.jsonl").read_bytes()


def test_the_tally_counts_what_was_scored_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = source(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_at(patch, 8)
        run(rows, tmp_path / "s.jsonl")
    run(rows, tmp_path / "s.jsonl")
    assert capsys.readouterr().out.startswith("97 rows scored, 3 rejected, ")
    lines = (tmp_path / "s.jsonl.rejected.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == [5, 45, 95]


def test_no_row_that_fits_leaves_no_parts(tmp_path: Path) -> None:
    rows = source(tmp_path)
    table = pyarrow.parquet.read_table(rows)
    empty = pa.nulls(ROWS, pa.float64())
    pyarrow.parquet.write_table(table.set_column(5, "place", empty), rows)
    with pytest.raises(Failure) as failure:
        run(rows, tmp_path / "s.jsonl")
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert not list(tmp_path.glob(".*.parts"))
