"""Paths of inputs: what exists is itself, and each file is read once."""

import logging
import struct
from pathlib import Path

import pytest

from pipeline import rows, sides


def _touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a\n1\n")
    return str(path)


def test_a_path_that_exists_is_no_pattern(tmp_path: Path) -> None:
    plain, odd = _touch(tmp_path / "d" / "part1.csv"), _touch(tmp_path / "d" / "part[1].csv")
    star = _touch(tmp_path / "d" / "a*.csv")
    _touch(tmp_path / "d" / "ab.csv")
    assert rows.expand([odd]) == [odd]
    assert rows.expand([plain, odd]) == [plain, odd]
    assert rows.expand([star]) == [star]
    Path(odd).unlink()
    assert rows.expand([odd]) == [plain]


@pytest.mark.parametrize("pattern", ["{}/x[1]/*.csv", "{}/x[1]/**/*.csv", "{}/*/p[1].csv"])
def test_a_folder_that_exists_is_no_pattern(pattern: str, tmp_path: Path) -> None:
    _touch(tmp_path / "x1" / "p1.csv")
    odd = _touch(tmp_path / "x[1]" / "p[1].csv")
    found = rows.expand([pattern.format(tmp_path)])
    assert odd in found
    assert (str(tmp_path / "x1" / "p1.csv") in found) == pattern.startswith("{}/*")


def test_a_file_that_is_given_twice_is_read_once_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    _touch(tmp_path / "d.csv")
    Path("link.csv").symlink_to("d.csv")
    for given in (["d.csv", "./d.csv"], ["d.csv", str(tmp_path / "d.csv")], ["d.csv", "link.csv"]):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert rows.expand(given) == ["d.csv"]
        assert f"given more than once and read once: {given[1]}" in caplog.text
    assert len(rows.expand(["*.csv", "d*"])) == 1


def test_the_split_by_file_knows_a_path_before_a_pattern() -> None:
    assert sides.by_file("rows/part[1].csv", ["part[1].csv"], []) == sides.EVAL
    assert sides.by_file("rows/part1.csv", ["part[1].csv"], []) == sides.EVAL


@pytest.mark.parametrize("count", [3, 50_000])
def test_the_records_of_a_tfrecord_file_are_not_its_newlines(count: int, tmp_path: Path) -> None:
    path, record = tmp_path / "a.tfrecord", b"\n" * 30
    framed = struct.pack("<Q", len(record)) + b"\0" * 4 + record + b"\0" * 4
    path.write_bytes(framed * count)
    assert rows.about([str(path)]) == pytest.approx(count, rel=0.01)
