"""The owners of the folders on disk: what they write they read, and nobody else knows the names."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.folders.output import Output
from pipeline.folders.prepared import Statistics, read_statistics
from pipeline.folders.run import RunFolder
from pipeline.manifest import fresh_staging

ROOT = Path(__file__).parents[2]
PRODUCT = ("kinds", "pipeline", "trainer", "serving", "examples", "benchmarks")
OWNERS = [ROOT / "kinds" / "names.py", *(ROOT / "pipeline" / "folders").glob("*.py")]
FILE = re.compile(r"[\w.]+\.(json|jsonl|parquet|keras|onnx|html|md|weight)")


def constants(path: Path) -> Iterator[str]:
    """The texts of a module, its docstrings too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def appended(path: Path) -> Iterator[str]:
    """The texts that a module puts after a `/`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.BinOp(op=ast.Div(), right=ast.Constant(str(text))):
                yield text


def others() -> list[Path]:
    paths = [path for package in PRODUCT for path in (ROOT / package).rglob("*.py")]
    return [path for path in paths if path not in OWNERS]


def test_names_of_files_are_written_once() -> None:
    names = {text for path in OWNERS for text in constants(path) if FILE.fullmatch(text)}
    assert {"row.weight", "statistics.json", "model.keras", "model.onnx"} <= names
    found = [
        (str(path.relative_to(ROOT)), text)
        for path in others()
        for text in constants(path)
        if text.rpartition("/")[2] in names and " " not in text
    ]
    # Not these files, though they have their name: a template, and a page of the documents.
    assert found == [("serving/report.py", "report.html")]


def test_names_of_folders_are_written_once() -> None:
    names = {"data", "run", "model", "vocabulary", "transform", "rejected"}
    names |= {"checkpoints", "tensorboard"}
    found = [(str(p.relative_to(ROOT)), text) for p in others() for text in appended(p)]
    assert [one for one in found if one[1] in names] == []


def test_statistics_are_read_as_they_were_written(tmp_path: Path) -> None:
    plain = Statistics({"read": 3}, constant=["age"], warnings=[{"of": "age"}])
    for statistics in (plain, replace(plain, drift=[])):
        DataFolder(tmp_path).write_statistics(statistics)
        assert read_statistics(str(tmp_path)) == statistics == RunFolder(tmp_path).statistics
    sections = list(json.loads((tmp_path / "statistics.json").read_text()))
    assert sections[0] == "rows"
    assert sections[-1] == "drift"


def test_statistics_may_have_other_sections(tmp_path: Path) -> None:
    (tmp_path / "statistics.json").write_text('{"numbers": {}, "of_another_version": 1}')
    assert read_statistics(tmp_path) == Statistics()


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(Failure, match=r"must be JSON.*metrics\.json") as failure:
        _ = RunFolder(tmp_path).metrics
    assert failure.value.exit_code == Exit.INTEGRITY


def test_examples_are_found_where_they_were_written(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    work = DataFolder(fresh_staging(folder.path))
    for path in work.shards("train", 2):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"examples")
    folder.publish("tests", {"examples": {"train": 5}})
    assert folder.verified().files("train") == [str(path) for path in folder.shards("train", 2)]
    assert (folder.files("eval"), folder.rows("train"), folder.rows("eval")) == ([], 5, 0)


def test_a_folder_of_another_stage_is_refused(tmp_path: Path) -> None:
    out = Output(tmp_path)
    fresh_staging(out.run.path)
    out.run.publish("tests", {})
    with pytest.raises(Failure, match=r"must be a folder of pipeline\.prepare") as failure:
        DataFolder(out.run.path).verified()
    assert failure.value.exit_code == Exit.USAGE
