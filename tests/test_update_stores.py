"""Updates whose versions lie in a store: a version is uploaded whole, then an object names it.

The stages' results are those of one run, copied: what they make is test_update_end_to_end's.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from drinks import first_run
from object_stores import named, served

from pipeline import update
from pipeline.failures import Exit, Failure
from pipeline.running.stages import Command
from pipeline.storage import stores
from pipeline.updating.places import place_of, versions_of

slow = pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="slow; CI_FULL=1 runs it")


@pytest.fixture(scope="module", params=["s3", pytest.param("gs", marks=slow)])
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(request.param) as port, named(request.param, port) as bucket:
        yield bucket


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stages that copy, in a folder of their own; and their names, once they have run."""
    folder = shutil.copytree(first_run(), tmp_path / "folder")
    monkeypatch.chdir(folder)
    ran = []
    figures = {"a": 0.5, "b": 0.4, "difference": -0.1, "interval": [-0.2, -0.05]}

    def copy(command: Command) -> float:
        ran.append(command.stage)
        made = {"prepare": "data", "train": "run", "export": "model"}
        if command.stage in made:
            shutil.copytree(
                folder / "OUT" / made[command.stage], command.result, dirs_exist_ok=True
            )
        elif command.stage == "history":
            command.result.write_text("a page")
        else:
            said = {"rows": 9, "warnings": [], "heads": {"drink": {"log_loss": figures}}}
            command.result.write_text(json.dumps(said))
        return 1.0

    monkeypatch.setattr("pipeline.running.processes.run_stage", copy)
    return ran


def content(path: str) -> bytes:
    with stores.reader(path) as file:
        return file.read()


def line(place: str) -> list[str]:
    return [place, "--input", "new/*.csv"]


def test_a_version_is_uploaded_whole_and_named_last(
    bucket: str, copied: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{bucket}/{tmp_path.name}/OUT"
    with pytest.raises(Failure, match="--from OUT names the run") as failed:
        update.run(line(place))
    assert failed.value.exit_code == Exit.USAGE
    written: list[str] = []
    upload, write = stores.upload, stores.write

    def uploaded(file: Path, path: str) -> None:
        written.append(path)
        upload(file, path)

    def wrote(path: str, content: bytes) -> None:
        written.append(path)
        write(path, content)

    monkeypatch.setattr(stores, "upload", uploaded)
    monkeypatch.setattr(stores, "write", wrote)
    update.run([*line(place), "--from", "OUT"])
    assert copied == ["drift", "prepare", "train", "export", "compare", "history"]
    own = [path.removeprefix(f"{place}/") for path in written if ".claims" not in path]
    for number in ("001", "002"):
        (at,) = (k for k, path in enumerate(own) if path == f"versions/{number}/version.json")
        assert all(f"versions/{number}/" not in path for path in own[at + 1 :])
        assert own[at + 1] == "current"
    assert content(f"{place}/current") == b"versions/002\n"
    model = content(f"{place}/versions/002/model/model.onnx")
    assert model == Path("OUT/model/model.onnx").read_bytes()
    assert content(f"{place}/history.html") == b"a page"
    update.run(line(place))
    assert copied[-1] == "history" and len(copied) == 6, "there was nothing new"


def test_what_was_killed_in_an_upload_is_uploaded_again(
    bucket: str, copied: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a folder to work in only the upload is left to do."""
    place, work = f"{bucket}/{tmp_path.name}/OUT", ["--work", str(tmp_path / "work")]
    upload = stores.upload

    def killed(file: Path, path: str) -> None:
        if path.endswith("versions/002/run/model.keras"):
            raise KeyboardInterrupt
        upload(file, path)

    with monkeypatch.context() as inside:
        inside.setattr(stores, "upload", killed)
        with pytest.raises(KeyboardInterrupt):
            update.run([*line(place), "--from", "OUT", *work])
    assert content(f"{place}/current") == b"versions/001\n"
    assert list(versions_of(place_of(place))) == [1]
    stores.delete_all(f"{place}.claims")
    del copied[:]
    update.run([*line(place), *work])
    # The stages say by themselves that they are done.
    assert "drift" not in copied and "compare" not in copied
    assert content(f"{place}/current") == b"versions/002\n"


def test_who_comes_second_is_told(bucket: str, copied: list[str], tmp_path: Path) -> None:
    place = f"{bucket}/{tmp_path.name}/OUT"
    with place_of(place).held(), pytest.raises(Failure) as failed:
        update.run([*line(place), "--from", "OUT"])
    assert failed.value.exit_code == Exit.OCCUPIED
    assert copied == []
