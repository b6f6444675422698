"""Folders elsewhere, through TensorFlow's file layer: in memory, and in Google's storage."""

import itertools
from collections.abc import Callable
from pathlib import Path

import google_storage
import pytest
import tensorflow as tf

from pipeline.failures import Exit, Failure
from trainer.storage import copy_in, files_in, keep_copy, publish_out

NUMBERS = itertools.count()


def address() -> str:
    return f"ram://storage-{next(NUMBERS)}/folder/"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def held(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.mark.parametrize("elsewhere", ["ram", "local"])
def test_what_is_copied_out_comes_back(elsewhere: str, tmp_path: Path) -> None:
    folder = address() if elsewhere == "ram" else str(tmp_path / "bucket")
    files = {"manifest.json": "{}", "a/b/c.txt": "1", "d": "2"}
    publish_out(write(tmp_path / "out", files), folder)
    copy_in(folder, tmp_path / "in")
    assert held(tmp_path / "in") == files


def test_googles_storage_is_a_folder_elsewhere_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With TensorFlow's own client of it, and an emulator behind."""
    files = {"manifest.json": "{}", "a/b.txt": "1"}
    folder = f"gs://{google_storage.BUCKET}/run/"
    with google_storage.served(tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        publish_out(write(tmp_path / "out", files), folder)
        copy_in(folder, tmp_path / "in")
    assert held(tmp_path / "in") == files


@pytest.mark.parametrize("copy", [publish_out, keep_copy])
def test_it_then_holds_no_other_files(copy: Callable[[Path, str], None], tmp_path: Path) -> None:
    folder = str(tmp_path / "bucket")
    copy(write(tmp_path / "one", {"m": "old", "a": "old", "c/b": "old"}), folder)
    copy(write(tmp_path / "two", {"m": "new", "a": "new"}), folder)
    assert held(tmp_path / "bucket") == {"m": "new", "a": "new"}


def watched(monkeypatch: pytest.MonkeyPatch, folder: str) -> list[list[str]]:
    """What the folder holds before each file is copied."""
    seen, copy = [], tf.io.gfile.copy

    def look(source: str, target: str, overwrite: bool) -> None:
        seen.append(files_in(folder))
        copy(source, target, overwrite)

    monkeypatch.setattr("trainer.storage.gfile.copy", look)
    return seen


def test_while_a_folder_is_written_it_has_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "bucket")
    local = write(tmp_path / "one", {"z": "1", "manifest.json": "1"})
    publish_out(local, folder)
    seen = watched(monkeypatch, folder)
    publish_out(local, folder)
    assert seen == [["z"], ["z"]]
    assert files_in(folder) == ["manifest.json", "z"]


def test_a_checkpoint_stays_until_a_newer_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "bucket")
    keep_copy(write(tmp_path / "one", {"c/1.data": "1", "c/1.index": "1"}), folder)
    seen = watched(monkeypatch, folder)
    keep_copy(write(tmp_path / "two", {"c/2.index": "2", "c/2.data": "2"}), folder)
    old = ["c/1.data", "c/1.index"]
    assert seen == [old, [*old, "c/2.data"]]
    assert files_in(folder) == ["c/2.data", "c/2.index"]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    copy_in(address(), tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_a_place_that_cannot_be_reached_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nosuch://a/b must be there") as failed:
        copy_in("nosuch://a/b", tmp_path)
    assert failed.value.exit_code == Exit.ENVIRONMENT
