"""An update from rows to what is served, in this process: ids, held-out rows, the gate, a kill."""

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from chain import read_json, stage_here
from documents import ROOT, blocks
from drinks import DRINKS, SHARES, first_run, rows

from pipeline import update, versions
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.sides import TEST, by_hash
from pipeline.updating.places import place_of, versions_of
from serving.scorer import Scorer


def run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages in this process, as every start of TensorFlow costs seconds."""
    monkeypatch.setattr("pipeline.running.processes.run_stage", stage_here)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)


def cron_line() -> list[str]:
    """The command of the crontab in the documents, behind its `cd`."""
    (line,) = [
        b for b in blocks(ROOT / "docs" / "updating.md", "text") if b.startswith("0 3 * * *")
    ]
    command = line.partition("&& ")[2].partition(" >>")[0].split()
    assert command[:2] == ["shared-weights", "update"]
    return [word.strip("'") for word in command[2:]]


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The same after the command of the crontab, and what it printed."""
    folder = shutil.copytree(first_run(), tmp_path_factory.mktemp("updated") / "folder")
    with pytest.MonkeyPatch.context() as inside:
        inside.chdir(folder)
        run_here(inside)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            update.run(cron_line())
        yield folder, said.getvalue().splitlines()[-1]


def test_new_rows_make_a_version_that_is_served(updated: tuple[Path, str]) -> None:
    folder, line = updated
    said = json.loads(line)
    assert (said["decision"], said["version"], said["current"]) == ("published", 2, 2)
    assert (
        said["rows"]["new"] == 500
        and sum(said["rows"][side] for side in ("train", "eval", "test")) == 2_000
    )
    served = folder / "OUT" / "current"
    assert served.readlink() == Path("versions/002")
    row = {"row": ["x"], "person": ["p45"], "hour": [3]}
    assert Scorer(served / "model" / "model.onnx").score(row).num_rows == 1
    assert {path.name for path in served.iterdir()} == {"prepared", "run", "model", "version.json"}
    assert (folder / "OUT" / "history.html").read_text().count("<svg viewBox") >= 4


def test_old_values_keep_their_ids_and_new_ones_follow(updated: tuple[Path, str]) -> None:
    folder, _ = updated
    before, after = (
        list(DataFolder(folder / "OUT" / "versions" / n / "prepared").vocabulary("person"))
        for n in ("001", "002")
    )
    assert after[: len(before)] == before and len(before) == 40
    assert set(after[len(before) :]) == {f"p{i}" for i in range(40, 50)}


def test_what_was_held_out_stays_held_out_and_both_files_are_judged_by_it(
    updated: tuple[Path, str],
) -> None:
    """The split is by a hash, so the test rows of both versions are those of all files."""
    folder, _ = updated
    names = [f"r{i}" for i in range(2_000)]
    held_out = int((by_hash([pa.array(names)], *SHARES) == TEST).sum())
    version = versions_of(place_of(str(folder / "OUT")))[2]
    assert version.rows["compared"] == version.rows["test"] == held_out
    assert version.heads["drink"]["metric"] == "log_loss"
    assert version.heads["drink"]["metrics"]["accuracy@1"]["b"] > 0.7


def test_a_new_label_makes_neither_file_worse(updated: tuple[Path, str]) -> None:
    """Both are judged over the labels that both know: juice is any other value, in both."""
    folder, _ = updated
    table = pa.concat_tables([rows(0, 1_500, 40), rows(1_500, 500, 50)])
    table = table.filter(pa.array(by_hash([table["row"].combine_chunks()], *SHARES) == TEST))
    losses = []
    for name in ("001", "002"):
        scorer = Scorer(folder / "OUT" / "versions" / name / "model" / "model.onnx")
        found = scorer.score(table, top_k=9).to_pylist()
        known = [dict(zip(r["drink.labels"], r["drink.scores"], strict=True)) for r in found]
        assert ("juice" in known[0]) == (name == "002")
        told = [{d: scores[d] for d in DRINKS} for scores in known]
        own = table["drink"].to_pylist()
        right = [p.get(d, 1 - sum(p.values())) for p, d in zip(told, own, strict=True)]
        losses.append(-np.log(right).mean())
    head = versions_of(place_of(str(folder / "OUT")))[2].heads["drink"]
    assert [head["before"], head["after"]] == pytest.approx(losses, rel=1e-4)


def test_only_new_files_are_analysed(updated: tuple[Path, str]) -> None:
    folder, _ = updated
    assert len(list((folder / "OUT" / ".update" / "cache").glob("*.found"))) == 2


def test_rows_that_are_known_are_no_news(
    updated: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = updated
    shutil.copy(folder / "new" / "b.csv", folder / "rows" / "the same again.csv")
    update.run(["OUT", "--input", "rows/*.csv", "new/*.csv"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "decision": "nothing new",
        "current": 2,
    }


def test_a_version_that_is_worse_is_refused_and_may_be_let_pass(
    updated: tuple[Path, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = shutil.copytree(updated[0], tmp_path / "folder", symlinks=True)
    monkeypatch.chdir(folder)
    run_here(monkeypatch)
    with pytest.raises(Failure, match="version 3 is refused: ") as failed:
        update.run(["OUT", "--input", "wrong/*.csv"])
    assert failed.value.exit_code == Exit.BAD_ROWS
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["decision"], said["current"]) == ("refused", 2)
    assert (folder / "OUT" / "current").readlink() == Path("versions/002")

    def nothing(command: Any) -> float:
        assert command.stage == "history", "what was made before is not made again"
        return 0.0

    monkeypatch.setattr("pipeline.running.processes.run_stage", nothing)
    with pytest.raises(Failure, match="version 3 is refused"):
        update.run(["OUT", "--input", "wrong/*.csv"])
    update.run(["OUT", "--input", "wrong/*.csv", "--may-lose", "100"])
    assert (folder / "OUT" / "current").readlink() == Path("versions/003")
    versions.run(["rollback", "OUT"])
    assert (folder / "OUT" / "current").readlink() == Path("versions/002")


def test_a_killed_update_goes_on_where_it_was(
    updated: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(updated[0], tmp_path / "folder", symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    run: list[str] = []

    def until_training(command: Any) -> float:
        run.append(command.stage)
        if command.stage == "train":
            raise KeyboardInterrupt
        return stage_here(command)

    pyarrow.csv.write_csv(rows(9_000, 200, 50), folder / "new" / "d.csv")
    monkeypatch.setattr("pipeline.running.processes.run_stage", until_training)
    with pytest.raises(KeyboardInterrupt):
        update.run(["OUT", "--input", "new/*.csv"])
    assert (folder / "OUT" / "current").readlink() == Path("versions/002")
    made = (folder / "OUT" / ".update" / "work" / "data" / "manifest.json").stat().st_mtime_ns
    monkeypatch.setattr("pipeline.running.processes.run_stage", until_training)
    with pytest.raises(KeyboardInterrupt):
        update.run(["OUT", "--input", "new/*.csv"])
    assert run == ["drift", "prepare", "train", "prepare", "train"]
    data = folder / "OUT" / ".update" / "work" / "data" / "manifest.json"
    assert data.stat().st_mtime_ns == made


def test_earlier_rows_must_be_there_unless_they_may_be_missing(
    updated: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(updated[0], tmp_path / "folder", symlinks=True)
    monkeypatch.chdir(folder)
    (folder / "rows" / "a.csv").unlink()
    with pytest.raises(Failure, match=r"--without-missing .* Received: rows/a\.csv") as failed:
        update.run(["OUT", "--input", "new/*.csv"])
    assert failed.value.exit_code == Exit.USAGE
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["decision"], said["exit"]) == ("failed", 2)
    update.run(["OUT", "--input", "new/*.csv", "--without-missing"])
    assert "nothing new" in capsys.readouterr().out


def test_values_of_no_row_lose_their_ids_on_request(
    updated: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(updated[0], tmp_path / "folder", symlinks=True)
    monkeypatch.chdir(folder)
    run_here(monkeypatch)
    for gone in ("rows/a.csv", "new/b.csv"):
        (folder / gone).unlink()
    pyarrow.csv.write_csv(rows(20_000, 800, 30), folder / "new" / "d.csv")
    line = ["OUT", "--input", "new/d.csv", "--without-missing", "--may-lose", "100", "--compact"]
    update.run(line)
    assert "person: 30 of 50 values are still there, 0 are new" in capsys.readouterr().out
    persons = DataFolder(folder / "OUT" / "current" / "prepared").vocabulary("person")
    assert set(persons) == {f"p{i}" for i in range(30)}
    with pytest.raises(Failure, match="--learn all") as failed:
        update.run([*line, "--learn", "new"])
    assert failed.value.exit_code == Exit.USAGE


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    first = first_run()
    for place in (tmp_path / "nowhere", first / "rows"):
        with pytest.raises(Failure) as failed:
            update.run([str(place), "--input", str(first / "new" / "*.csv")])
        assert failed.value.exit_code == Exit.USAGE
    assert not (tmp_path / "nowhere").exists()


def test_the_diff_of_two_versions_tells_ids_and_metrics(
    updated: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.running.processes.run_stage", stage_here)
    versions.run(["diff", "OUT", "1", "2", "--slice", "hour<12"])
    said = capsys.readouterr().out
    assert "person: 40 entries, then 50: 40 with the same id, 0 with another, 10 new" in said
    assert "accuracy@1" in said and "drink, hour<12" in said
    files = [Path("OUT", "versions", n, "model", "model.onnx") for n in ("001", "002")]
    table = pa.concat_tables([rows(0, 1_500, 40), rows(1_500, 500, 50)])
    table = table.filter(pa.array(by_hash([table["row"].combine_chunks()], *SHARES) == TEST))
    a, b = ([x[0] for x in Scorer(f).score(table)["drink.labels"].to_pylist()] for f in files)
    others = sum(x != y for x, y in zip(a, b, strict=True))
    assert f"drink: another first answer in {others:,} of {len(a):,} rows" in said


def test_every_version_has_a_record(updated: tuple[Path, str]) -> None:
    record = read_json(updated[0] / "OUT" / "versions" / "002" / "version.json")
    assert record["parent"] == 1 and record["new"] == ["new/b.csv"]
    assert record["certificate"]["largest"] < 1e-5
    assert {warning["of"] for warning in record["drift"]["warnings"]} >= {"person"}
