"""Versions of a model: what is served, what is kept, and going back; here and in a store."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from object_stores import named, served

from pipeline import versions
from pipeline.failures import Exit, Failure
from pipeline.updating import places, told
from pipeline.updating.places import Place, place_of, settle, versions_of
from pipeline.updating.version import ADOPTED, PUBLISHED, REFUSED, Version, folder_name


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with ExitStack() as store:
        port = store.enter_context(served("s3"))
        yield store.enter_context(named("s3", port))


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return place_of(str(tmp_path / "OUT"))
    return place_of(f"{request.getfixturevalue('bucket')}/{tmp_path.name}")


def add(place: Place, number: int, decision: str, folder: Path) -> Version:
    """A version whose model is a text."""
    made = folder / "made"
    for name, text in (("model/model.onnx", str(number)), ("run/weights", "w")):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(text)
    (made / "model" / "manifest.json").write_text("{}")
    version = Version(number, decision, f"2026-01-0{number}", "", {f"{number}.csv": "hash"})
    (made / "version.json").write_text(version.to_json())
    place.put(made, folder_name(number))
    for left in sorted(made.rglob("*"), reverse=True):
        left.unlink() if left.is_file() else left.rmdir()
    return version


def model(place: Place) -> str:
    return place.read(f"versions/{place.current()}/model/model.onnx").decode()


def three(place: Place, folder: Path) -> None:
    """The first, a published one, and a refused one."""
    for number, decision in ((1, ADOPTED), (2, PUBLISHED), (3, REFUSED)):
        add(place, number, decision, folder)
        settle(place)


def test_the_newest_version_that_was_not_refused_is_served(place: Place, tmp_path: Path) -> None:
    assert settle(place) is None and place.current() is None
    three(place, tmp_path)
    assert place.current() == "002" and model(place) == "2"
    assert list(versions_of(place)) == [1, 2, 3]


def test_what_a_kill_left_undone_is_done_by_the_next_command(place: Place, tmp_path: Path) -> None:
    """Between a version's folder and what is served, and between a record and what is served."""
    three(place, tmp_path)
    add(place, 4, PUBLISHED, tmp_path)
    assert place.current() == "002"
    settle(place)
    assert place.current() == "004"
    places.record(place, replace(versions_of(place)[4], rolled_back="2026-01-05"))
    settle(place)
    assert place.current() == "002"


def test_going_back_serves_the_version_before_until_another_one_is_asked_for(
    place: Place, tmp_path: Path
) -> None:
    three(place, tmp_path)
    assert places.roll_back(place, None, "2026-01-05").number == 1
    assert place.current() == "001" and versions_of(place)[2].state == "rolled back"
    with pytest.raises(Failure, match=r"has its model: 1, 2, 3\. Received: none before") as failed:
        places.roll_back(place, None, "2026-01-05")
    assert failed.value.exit_code == Exit.USAGE
    assert places.roll_back(place, 3, "2026-01-05").state == PUBLISHED
    assert place.current() == "003" and model(place) == "3"
    settle(place)
    assert place.current() == "003"


def test_pruning_keeps_what_is_served_the_newest_and_every_record(
    place: Place, tmp_path: Path
) -> None:
    three(place, tmp_path)
    for number in (4, 5):
        add(place, number, PUBLISHED, tmp_path)
    assert places.prune(place, keep=2) == [1, 2]
    assert [place.is_whole(folder_name(n)) for n in range(1, 6)] == [False, False, True, True, True]
    assert list(versions_of(place)) == [1, 2, 3, 4, 5]
    places.roll_back(place, 4, "2026-01-06")
    assert places.prune(place, keep=1) == [3]
    assert place.current() == "004" and model(place) == "4"
    with pytest.raises(Failure, match="has its model: 4, 5"):
        places.roll_back(place, 2, "2026-01-06")


def test_a_version_is_fetched_whole(place: Place, tmp_path: Path) -> None:
    three(place, tmp_path)
    folder = place.fetched("002", tmp_path / "fetched")
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"version.json", "model/model.onnx", "model/manifest.json", "run/weights"}


def test_a_store_takes_an_upload_that_was_killed_for_nothing(bucket: str, tmp_path: Path) -> None:
    place = place_of(f"{bucket}/{tmp_path.name}")
    place.write("versions/001/model/left-over", "x")
    assert versions_of(place) == {}
    add(place, 1, ADOPTED, tmp_path)
    with pytest.raises(FileNotFoundError):
        place.read("versions/001/model/left-over")


def test_one_update_at_a_time(place: Place) -> None:
    with place.held(), pytest.raises(Failure) as failed, place_of(place.path).held():
        pass
    assert failed.value.exit_code == Exit.OCCUPIED


def test_the_command_lists_shows_goes_back_and_prunes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = place_of(str(tmp_path / "OUT"))
    three(place, tmp_path)
    versions.run(["list", place.path])
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines[1:]] == [" ", "*", " "]
    assert [line.split()[-2] for line in lines[1:]] == ["adopted", "published", "refused"]
    versions.run(["show", place.path, "3"])
    assert capsys.readouterr().out.startswith("version 3: refused")
    versions.run(["rollback", place.path])
    assert capsys.readouterr().out == "version 1 is served\n"
    versions.run(["prune", place.path, "--keep", "1"])
    assert "deleted, but for their records: 2" in capsys.readouterr().out
    for wrong in (["show", place.path, "9"], ["diff", place.path, "1", "2"], ["list", "nowhere"]):
        with pytest.raises(Failure) as failed:
            versions.run(wrong)
        assert failed.value.exit_code == Exit.USAGE


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    place = place_of(str(tmp_path / "OUT"))
    three(place, tmp_path)
    place.write("versions/002/version.json", "{}")
    with pytest.raises(Failure, match=r"must be what pipeline\.update wrote") as failed:
        settle(place)
    assert failed.value.exit_code == Exit.INTEGRITY


def test_the_line_for_schedulers_is_json(tmp_path: Path) -> None:
    head = {"kind": "binary", "metric": "log_loss", "before": 0.5, "after": 0.4, "change": -0.2}
    head |= {"interval": None, "may_lose": 0.01, "refused": False, "metrics": {}}
    version = Version(2, PUBLISHED, "2026-01-02", "", {}, heads={"y": head}, rows={"new": 3})
    line = told.json_line(version, 2, 1.23)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["version"], said["decision"], said["current"]) == (2, "published", 2)
    assert said["heads"]["y"]["after"] == 0.4 and said["rows"]["new"] == 3
