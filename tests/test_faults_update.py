"""Updates that are killed at any moment: a whole version is served all the time.

`make test` kills the steps that change what is served; `make faults` kills whole updates, too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.csv
import pytest
from drinks import SPEC, rows
from killing import moments, stage
from small_run import exported
from version_steps import served_whole

from pipeline.folders.model import ModelFolder
from pipeline.updating.places import place_of, versions_of

FULL = os.environ.get("CI_FULL") == "1"
slow = pytest.mark.skipif(not FULL, reason="slow; make faults runs it")
KILLS = int(os.environ.get("KILLS", "20"))
ROUNDS = 24


def test_versions_that_come_and_go_leave_one_served_at_every_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [str(Path(__file__).parent), str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ways))
    shutil.copytree(exported() / "model", tmp_path / "model")
    with stage(tmp_path, "version_steps") as process:
        assert process.run([str(tmp_path), "1"]) == 0, process.log()
        assert process.run([str(tmp_path), str(ROUNDS)]) == 0, process.log()
        met = 0
        for moment in moments(5 * KILLS if FULL else 8, "versions"):
            code = process.run([str(tmp_path), str(ROUNDS)], after=moment * process.fastest)
            assert code in (0, -signal.SIGKILL), process.log()
            met += code == -signal.SIGKILL
            served_whole(tmp_path)
        assert met > 0
        assert process.run([str(tmp_path), "1"]) == 0, process.log()
    known = versions_of(place_of(str(tmp_path / "OUT")))
    assert served_whole(tmp_path) == max(n for n, one in known.items() if one.may_be_served)


@slow
def test_killed_updates_leave_a_version_served_and_end_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stages are processes of their own, as a crontab has them."""
    for name, table in (("rows/a.csv", rows(0, 1_500, 40)), ("new/b.csv", rows(1_500, 500, 50))):
        (tmp_path / name).parent.mkdir()
        pyarrow.csv.write_csv(table, tmp_path / name)
    (tmp_path / "spec.yaml").write_text(SPEC)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}

    def python(*words: str, seconds: float | None = None) -> tuple[int, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
        return process.returncode, said

    run = ("pipeline.run", "--spec", "spec.yaml", "--input", "rows/a.csv", "--output", "OUT")
    assert python(*run, "--stages", "prepare,train,export")[0] == 0
    first = shutil.copytree(tmp_path / "OUT", tmp_path / "first")
    line = ("pipeline.update", "OUT", "--input", "new/*.csv")
    code, said = python(*line)
    whole = json.loads(said.splitlines()[-1])
    assert code == 0 and whole["decision"] == "published"
    met = 0
    for moment in moments(KILLS, "updates"):
        shutil.rmtree(tmp_path / "OUT")
        shutil.copytree(first, tmp_path / "OUT")
        code, _ = python(*line, seconds=moment * whole["seconds"])
        met += code == -signal.SIGKILL
        current = tmp_path / "OUT" / "current"
        if current.is_symlink():
            ModelFolder(current / "model").verified()
        code, said = python(*line)
        assert code == 0
        again = json.loads(said.splitlines()[-1])
        assert again["decision"] in ("published", "nothing new") and again["current"] == 2
        version = versions_of(place_of(str(tmp_path / "OUT")))[2]
        assert version.heads["drink"]["after"] == whole["heads"]["drink"]["after"]
    with capsys.disabled():
        print(f"\nupdate: {KILLS} kills, {met} of them at work; all ended the same")
