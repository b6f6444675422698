"""Stores that are busy, late or shared: a run completes or fails clean, and no row is lost."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import flaky_store
import pytest
from object_stores import CSV, ROWS, SPEC, named, served

from pipeline import manifest, prepare
from pipeline.failures import Exit, Failure
from pipeline.preparing import publishing
from pipeline.storage import stores

# Both clients wait for seconds between their later attempts.
slow = pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="slow; CI_FULL=1 runs it")
KINDS = ["s3", pytest.param("gs", marks=slow)]


@pytest.fixture(scope="module", params=KINDS)
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(request.param) as port, named(request.param, port) as bucket:
        yield bucket


def _run(folder: Path, bucket: str, *more: str) -> str:
    """Prepares rows of a store into it; gives the output's path."""
    (folder / "spec.yaml").write_text(SPEC)
    stores.write(f"{bucket}/{folder.name}/a.csv", CSV.encode())
    output = f"{bucket}/{folder.name}/data"
    inputs = ["--input", f"{bucket}/{folder.name}/*.csv", "--output", output]
    prepare.run(["--spec", str(folder / "spec.yaml"), *inputs, *more])
    return output


def _assert_whole(output: str, to: Path) -> None:
    for path in stores.listed(output):
        file = to / path.removeprefix(output + "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        with stores.reader(path) as content:
            file.write_bytes(content.read())
    facts = manifest.verify(to, stage="data").facts
    said = json.loads((to / "statistics.json").read_text())["rows"]
    assert sum(facts["examples"].values()) == ROWS
    assert (said["read"], said["rejected"]) == (ROWS + 1, 1)


@pytest.mark.parametrize(
    ("kind", "share"),
    [("s3", 0.1), pytest.param("s3", 0.3, marks=slow), pytest.param("gs", 0.3, marks=slow)],
)
def test_a_store_that_is_often_busy_is_asked_again(kind: str, share: float, tmp_path: Path) -> None:
    with served(kind) as port, named(kind, port) as bucket:
        with flaky_store.before(port, share) as (proxy, told), named(kind, proxy, make=False):
            output = _run(tmp_path, bucket)
            refused = told.read_text().splitlines()
        assert len(refused) > 20 * share
        assert {line[:3] for line in refused} == {"503", "429"}
        _assert_whole(output, tmp_path / "found")


def test_a_process_asks_again_any_number_of_times() -> None:
    """Amazon's client has a budget of 100 in one of its modes."""
    with served("s3") as port, named("s3", port) as bucket:
        stores.write(f"{bucket}/a", b"a")
        with flaky_store.before(port, 0.3) as (proxy, told), named("s3", proxy, make=False):
            for _ in range(400):
                assert stores.exists(f"{bucket}/a")
            assert len(told.read_text().splitlines()) > 110


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_is_not_there_after_it_was_written_ends_the_run(
    kind: str, tmp_path: Path
) -> None:
    with served(kind) as port, named(kind, port) as bucket:
        with flaky_store.before(port, 0.0, "train-0-") as (proxy, told):
            with (
                named(kind, proxy, make=False),
                pytest.raises(Failure, match="what was written must be there") as failure,
            ):
                _run(tmp_path, bucket)
            assert failure.value.exit_code == Exit.ENVIRONMENT
            assert told.read_text().startswith("404")
        output = f"{bucket}/{tmp_path.name}/data"
        assert stores.listed(output) == []
        _run(tmp_path, bucket)
        _assert_whole(output, tmp_path / "found")


def test_a_store_that_never_answers_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_ATTEMPTS", 2)
    with (
        served("s3") as port,
        flaky_store.before(port, 1.0) as (proxy, _),
        named("s3", proxy, make=False) as bucket,
        pytest.raises(Failure, match="must be within reach") as failure,
    ):
        stores.exists(f"{bucket}/a.csv")
    assert failure.value.exit_code == Exit.ENVIRONMENT


def test_a_run_gives_up_where_another_has_published_since(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, theirs = f"{bucket}/{tmp_path.name}/data", b'{"made_from": "other rows"}'
    place = publishing._put_in_place

    def late(*arguments: object) -> None:
        stores.write(f"{output}/manifest.json", theirs)
        place(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(publishing, "_put_in_place", late)
    with pytest.raises(Failure, match="as it was when this run began") as failure:
        _run(tmp_path, bucket)
    assert failure.value.exit_code == Exit.OCCUPIED
    assert _content(f"{output}/manifest.json") == theirs
    assert stores.listed(f"{output}.claims") == []
    monkeypatch.undo()
    _run(tmp_path, bucket, "--force")
    _assert_whole(output, tmp_path / "found")


def _content(path: str) -> bytes:
    with stores.reader(path) as file:
        return file.read()


def _claim(folder: str) -> Callable[[], None]:
    def claim() -> None:
        with stores.claimed(folder, "second"):
            raise AssertionError("claimed twice")

    return claim


def test_a_folder_is_claimed_once_and_free_afterwards(bucket: str, tmp_path: Path) -> None:
    folder = f"{bucket}/{tmp_path.name}/data"
    with stores.claimed(folder, "first"):
        for refused in (_claim(folder), lambda: _run(tmp_path, bucket)):
            with pytest.raises(Failure, match=r"data\.claims/first") as failure:
                refused()
            assert failure.value.exit_code == Exit.OCCUPIED
    with stores.claimed(folder, "second"):
        assert stores.listed(f"{folder}.claims") == [f"{folder}.claims/second"]


def test_the_claim_of_a_run_that_was_killed_is_taken_away_once_it_is_stale(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"{bucket}/{tmp_path.name}/data"
    stores.write(f"{folder}.claims/killed", b"claimed\n")
    with pytest.raises(Failure, match=r"data\.claims/killed") as failure:
        _run(tmp_path, bucket)
    assert failure.value.exit_code == Exit.OCCUPIED
    monkeypatch.setattr(stores, "STALE_SECONDS", 1)
    time.sleep(2.5)
    _run(tmp_path, bucket)
    assert stores.listed(f"{folder}.claims") == []
    _assert_whole(folder, tmp_path / "found")


def test_a_claim_that_is_held_does_not_become_stale(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "STALE_SECONDS", 3)
    monkeypatch.setattr(stores, "_RENEW_SECONDS", 0.3)
    folder = f"{bucket}/{tmp_path.name}/data"
    with stores.claimed(folder, "first") as check_held:
        time.sleep(5)
        with pytest.raises(Failure, match=r"data\.claims/first"):
            _claim(folder)()
        check_held()
        monkeypatch.setattr(stores, "_RENEW_SECONDS", 60)
    assert stores.listed(f"{folder}.claims") == []


def test_a_run_whose_claim_was_taken_away_does_not_publish(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that was stopped for long, and goes on."""
    output, upload = f"{bucket}/{tmp_path.name}/data", stores.upload

    def stopped(file: Path, path: str) -> None:
        upload(file, path)
        if path == f"{output}/statistics.json":
            stores.delete_all(f"{output}.claims")

    monkeypatch.setattr(stores, "upload", stopped)
    with pytest.raises(Failure, match="was taken away") as failure:
        _run(tmp_path, bucket)
    assert failure.value.exit_code == Exit.OCCUPIED
    assert not stores.exists(f"{output}/manifest.json")
