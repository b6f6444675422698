"""Files that were seen before are not read again, and nothing else changes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import prepare
from pipeline.fields import analyses_of, fields_of
from pipeline.preparing import analysis_cache, reading
from pipeline.preparing.analysis_cache import Cache, FindInFiles
from pipeline.preparing.learning import Learn
from pipeline.spec.file import parse_spec

SPEC = """
name: cached
vocabularies: {words: {size: 5}, tags: {min_count: 2}}
inputs:
  past: {kind: sequence, vocabulary: words, length: 2}
  income: {kind: number, scale: log}
  age: {kind: number, scale: buckets, buckets: 4, embedding: 2}
heads:
  tags: {kind: multilabel, vocabulary: tags}
  yes: {kind: binary}
split: {by: file, eval: ["eval*"]}
"""
LEARNED = ("vocabularies", "numbers", "constant", "distributions")


def _write(path: Path, seed: int) -> str:
    random = np.random.default_rng(seed)
    words = np.array(["a", "b", "", "\U0001f600,\n", '"c"', "d", "e"])
    rows = {
        "past": [words[random.integers(0, 7, 3)].tolist() for _ in range(50)],
        "income": random.lognormal(3, 1, 50),
        "age": random.normal(size=50),
        "tags": ["p q", None, "", "q", "r"] * 10,
        "yes": [True, False, None, True, True] * 10,
    }
    pyarrow.parquet.write_table(pa.table(rows), path)
    return str(path)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the files whose training rows are read."""
    paths: list[str] = []
    read = reading.ReadTrainingRows.process

    def process(self: Any, part: reading.FilePart, known: Any = None) -> Any:
        paths.append(Path(self._paths[part.file]).name)
        return read(self, part, known)

    monkeypatch.setattr(reading.ReadTrainingRows, "process", process)
    return paths


def _prepared(folder: Path, output: str, *more: str) -> dict[str, Any]:
    (folder / "spec.yaml").write_text(SPEC)
    prepare.run(
        [
            *("--spec", str(folder / "spec.yaml"), "--input", str(folder / "*.parquet")),
            *("--output", str(folder / output), *more),
        ]
    )
    said = json.loads((folder / output / "statistics.json").read_text())
    files = json.loads((folder / output / "manifest.json").read_text())["files"]
    vocabularies = {name: one["sha256"] for name, one in files.items() if "vocabulary" in name}
    return {name: said[name] for name in LEARNED} | vocabularies


def test_a_day_more_reads_that_day_alone_and_learns_the_same(
    tmp_path: Path, opened: list[str]
) -> None:
    cache = ["--cache", str(tmp_path / "cache")]
    for day in range(3):
        _write(tmp_path / f"day-{day}.parquet", day)
    _write(tmp_path / "eval.parquet", 9)
    _prepared(tmp_path, "one", *cache)
    assert sorted(opened) == ["day-0.parquet", "day-1.parquet", "day-2.parquet", "eval.parquet"]
    opened.clear()
    _write(tmp_path / "day-3.parquet", 3)
    # A changed file is another file.
    _write(tmp_path / "day-1.parquet", 11)
    cached = _prepared(tmp_path, "two", *cache)
    assert sorted(opened) == ["day-1.parquet", "day-3.parquet"]
    assert cached == _prepared(tmp_path, "three")


def _learn() -> Learn:
    spec = parse_spec(SPEC)
    return Learn(analyses_of(spec, fields_of(spec)), spec.vocabularies)


def test_a_name_stands_for_the_side_of_the_file_too(tmp_path: Path) -> None:
    """The same bytes on the training side and on eval are two different findings."""
    spec = parse_spec(SPEC)
    paths = [_write(tmp_path / name, 1) for name in ("a.parquet", "eval.parquet")]
    cache = analysis_cache.opened(tmp_path / "c", dict.fromkeys(paths, "same"), spec.split, [])
    reader = FindInFiles(paths, fields_of(spec), spec.split, _learn(), cache)
    for _ in range(2):
        seen = [
            next(reader.process(reading.FilePart(at)))["seen", "yes"].tolist() for at in range(2)
        ]
        assert seen == [[40, 10], [0, 0]]


@pytest.mark.parametrize("change", ["cut", "flip", "empty"])
def test_a_damaged_file_is_found_anew(tmp_path: Path, change: str) -> None:
    empty = _learn().create_accumulator()
    cache = Cache(tmp_path, {"a": "1"}, "this")
    cache.store("a", empty)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    assert cache.load("a", empty) is not None
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:-20], "flip": flipped, "empty": b""}[change])
    assert cache.load("a", empty) is None
    assert Cache(tmp_path, {"a": "1"}, "something else").load("a", empty) is None


def test_the_files_used_last_stay_within_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = _learn().create_accumulator()
    cache = Cache(tmp_path, {name: name for name in "abc"}, "")
    for name in "abc":
        cache.store(name, empty)
    size = max(path.stat().st_size for path in tmp_path.iterdir())
    assert cache.load("a", empty)
    monkeypatch.setattr(analysis_cache, "CACHE_BYTES", 2 * size)
    analysis_cache.opened(tmp_path, {}, parse_spec(SPEC).split, [])
    assert [name for name in "abc" if cache.load(name, empty)] == ["a", "c"]


def test_objects_of_one_size_and_time_are_two_objects(tmp_path: Path) -> None:
    empty = _learn().create_accumulator()
    paths = ["gs://bucket/a.csv", "gs://bucket/b.csv"]
    same = dict.fromkeys(paths, "5 bytes, 7 ns")
    cache = analysis_cache.opened(tmp_path, same, parse_spec(SPEC).split, [])
    cache.store(paths[0], empty)
    assert cache.load(paths[0], empty) is not None
    assert cache.load(paths[1], empty) is None
