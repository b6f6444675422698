"""One row in a hundred is bad, at random places: exactly those are rejected, with their places."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import prepare, rows
from pipeline.failures import Exit, Failure
from pipeline.rows import csv_files, json_files, parquet_files

ROWS, BAD = 34_000, 340
SPEC = """
name: bad
vocabularies: {words: {}}
inputs: {word: {kind: category, vocabulary: words}, x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""
# A line of the file, and what is said about it: column, reason, text.
BAD_CSV = {
    b"w,1": ("", "ragged", "2 cells, the header has 3: w,1"),
    b"w,two,0": ("x", "not_a_number", "two"),
    b"w,1e400,0": ("x", "not_finite", "1e400"),
    b"w,1,maybe": ("y", "not_a_flag", "maybe"),
    b"\xe9,1,1": ("word", "invalid_utf8", "\ufffd"),
}
BAD_JSON = {
    b"{": ("", "invalid_json", "{"),
    b'{"word": {"a": 1}}': ("word", "unsupported_type", '{"word": {"a": 1}}'),
    b'{"word": "w", "x": "two", "y": 0}': ("x", "not_a_number", "two"),
}


def _bad_places(seed: int) -> list[int]:
    return sorted(random.Random(seed).sample(range(ROWS), BAD))


def _with_bad(path: Path, good: list[bytes], bad: dict[bytes, Any], header: bytes = b"") -> Any:
    """Writes the lines, some of them replaced; gives what should be rejected, in order."""
    expected, kinds = [], list(bad)
    for number, at in enumerate(_bad_places(len(kinds))):
        good[at] = kinds[number % len(kinds)]
        expected.append((str(path), at + 1, *bad[good[at]]))
    path.write_bytes(header + b"\n".join(good) + b"\n")
    return expected


def _made(folder: Path) -> list[Any]:
    lines = [b"w%d,%d.5,%d" % (at % 99, at, at % 2) for at in range(ROWS)]
    expected = _with_bad(folder / "a.csv", lines, BAD_CSV, b"word,x,y\n")
    lines = [b'{"word": "w%d", "x": %d, "y": %d}' % (at % 99, at, at % 2) for at in range(ROWS)]
    expected += _with_bad(folder / "b.jsonl", lines, BAD_JSON)
    numbers: list[float] = [float(at) for at in range(ROWS)]
    for at in _bad_places(9):
        numbers[at] = float("inf")
        expected.append((str(folder / "c.parquet"), at + 1, "x", "not_finite", "inf"))
    columns = {"word": [f"w{at % 99}" for at in range(ROWS)], "x": numbers, "y": [True] * ROWS}
    pyarrow.parquet.write_table(pa.table(columns), folder / "c.parquet", row_group_size=5000)
    return expected


def _run(folder: Path, *more: str) -> Path:
    (folder / "spec.yaml").write_text(SPEC)
    inputs = ["--input", *(str(folder / name) for name in ("a.csv", "b.jsonl", "c.parquet"))]
    output = folder / "data"
    prepare.run(["--spec", str(folder / "spec.yaml"), *inputs, "--output", str(output), *more])
    return output


def _lines(folder: Path) -> list[Any]:
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    lines = [line for text in texts for line in text.split("\n") if line]
    return sorted(tuple(json.loads(line).values()) for line in lines)


def test_exactly_the_bad_rows_are_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _made(tmp_path)
    for module in (csv_files, json_files, parquet_files):
        monkeypatch.setattr(module, "PART_BYTES", 100_000)
    monkeypatch.setattr(csv_files, "READ_BYTES", 30_000)
    monkeypatch.setattr(json_files, "BLOCK_BYTES", 30_000)
    assert all(len(rows.parts(path)) > 2 for path in {one[0] for one in expected})
    output = _run(tmp_path, "--max-bad-fraction", "0.01")
    assert _lines(output / "rejected") == sorted(expected)
    said = json.loads((output / "statistics.json").read_text())
    each = {"read": ROWS, "written": ROWS - BAD, "rejected": BAD}
    assert set(said["files"]) == {str(tmp_path / n) for n in ("a.csv", "b.jsonl", "c.parquet")}
    assert list(said["files"].values()) == [each] * 3
    told = capsys.readouterr().err
    for name in said["files"]:
        assert f"{name}: 34,000 read = 33,660 written + 340 rejected" in told


def test_one_bad_row_more_than_allowed_publishes_nothing(tmp_path: Path) -> None:
    expected = _made(tmp_path)
    with pytest.raises(Failure) as failure:
        _run(tmp_path, "--max-bad-fraction", "0.00999")
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert not (tmp_path / "data").exists()
    assert _lines(tmp_path / "data.rejected") == sorted(expected)
