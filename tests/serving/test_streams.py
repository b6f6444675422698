"""Standard input and output, and Arrow IPC."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from pipeline.failures import Exit, Failure
from serving import score

ROOT = Path(__file__).parents[2]


def words(source: str | Path, output: str | Path, *more: str) -> list[str]:
    model = exported() / "model" / "model.onnx"
    return ["--model", str(model), "--input", str(source), "--output", str(output), *more]


def scored(source: Path, output: Path) -> bytes:
    score.run(words(source, output))
    return output.read_bytes()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pyarrow.parquet.write_table(small_rows(50), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def arrow_file(path: Path, *, stream: bool, rows: pa.Table) -> Path:
    new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with new(str(path), rows.schema) as writer:
        writer.write_table(rows, max_chunksize=7)
    return path


@pytest.mark.parametrize("stream", [True, False])
def test_arrow_rows_score_as_parquet_rows_do(tmp_path: Path, rows: Path, stream: bool) -> None:
    source = arrow_file(tmp_path / "rows.arrow", stream=stream, rows=small_rows(50))
    expected = scored(rows, tmp_path / "p.jsonl")
    assert scored(source, tmp_path / "a.jsonl") == expected


def test_arrow_output_is_what_parquet_output_is(tmp_path: Path, rows: Path) -> None:
    scored(rows, tmp_path / "s.arrow")
    scored(rows, tmp_path / "s.parquet")
    with pa.memory_map(str(tmp_path / "s.arrow")) as file:
        got = pyarrow.ipc.open_file(file).read_all()
    assert got.equals(pyarrow.parquet.read_table(tmp_path / "s.parquet"))


def test_rows_of_arrow_files_have_their_numbers(tmp_path: Path) -> None:
    table = small_rows(50).to_pylist()
    table[33]["place"] = None
    rows = pa.Table.from_pylist(table, small_rows(1).schema)
    score.run(words(arrow_file(tmp_path / "r.arrow", stream=False, rows=rows), tmp_path / "s.csv"))
    (line,) = (tmp_path / "s.csv.rejected.jsonl").read_text().splitlines()
    assert json.loads(line)["row"] == 34


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.0])
def test_a_damaged_arrow_file_is_told(tmp_path: Path, keep: float) -> None:
    path = arrow_file(tmp_path / "r.arrow", stream=False, rows=small_rows(50))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(Failure) as failure:
        score.run(words(path, tmp_path / "s.csv"))
    assert failure.value.exit_code == Exit.INTEGRITY
    assert not (tmp_path / "s.csv").exists()


def test_missing_columns_of_an_arrow_file_are_named(tmp_path: Path) -> None:
    rows = small_rows(5).drop_columns(["age"])
    path = arrow_file(tmp_path / "r.arrow", stream=True, rows=rows)
    with pytest.raises(Failure, match="age") as failure:
        score.run(words(path, tmp_path / "s.csv"))
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("form", ["jsonl", "arrow"])
def test_standard_input_and_output(tmp_path: Path, form: str) -> None:
    table = [{k: None if v != v else v for k, v in r.items()} for r in small_rows(20).to_pylist()]
    table[4]["place"] = None
    source, output = tmp_path / f"r.{form}", tmp_path / f"s.{form}"
    if form == "jsonl":
        source.write_text("".join(json.dumps(row) + "\n" for row in table))
    else:
        rows = pa.Table.from_pylist(table, small_rows(1).schema)
        arrow_file(source, stream=True, rows=rows)
    command = [sys.executable, "-m", "serving.score", *words("-", "-", "--format", form)]
    done = subprocess.run(
        command,
        input=source.read_bytes(),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == scored(source, output)
    assert b"19 rows scored, 1 rejected" in done.stderr
    assert b'"reason": "missing"' in done.stderr


def test_one_object_at_standard_input_is_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever keys it has: what is not there is missing."""
    scores = []
    for row in ({"word": "cat", "place": 1}, {"word": "cat", "place": 1, "age": None}):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(row).encode())))
        score.run(words("-", tmp_path / "s.jsonl", "--format", "jsonl", "--force"))
        scores.append(json.loads((tmp_path / "s.jsonl").read_text()))
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    "more", [("--input", "-"), ("--input", "-", "rows.csv", "--format", "csv")]
)
def test_a_stream_needs_a_format_and_stands_alone(tmp_path: Path, more: tuple[str, ...]) -> None:
    model = str(exported() / "model" / "model.onnx")
    with pytest.raises(Failure) as failure:
        score.run(["--model", model, *more, "--output", str(tmp_path / "s.csv")])
    assert failure.value.exit_code == Exit.USAGE


def test_a_full_folder_for_temporary_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, file: BinaryIO) -> None:
        file.write(b"x" * 9_000)
        file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("serving.files.streams.shutil.copyfileobj", full)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"key")))
    with pytest.raises(Failure, match="standard_input needs more than the 9,000 bytes") as told:
        score.run(words("-", tmp_path / "s.csv", "--format", "csv"))
    assert told.value.exit_code == Exit.ENVIRONMENT
