"""A search: ranges as they are written, a study that goes on, the best spec at the end."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_data import tiny_data, tiny_spec

from pipeline.failures import Exit, Failure
from pipeline.manifest import lock
from pipeline.spec.file import read_spec
from trainer.search import lowest_loss, open_study, range_of, run, wait_until_free

RANGES = ["--range", "training.learning_rate=log:1e-3..0.1", "--range", "trunk.layers=[4]|[8, 4]"]


def line(data: Path, output: Path, trials: int) -> list[str]:
    said = ["--data", data, "--output", output, "--trials", trials, "--set", "training.epochs=2"]
    return [*map(str, said), *RANGES]


def test_a_killed_search_goes_on_and_writes_the_best_spec(tmp_path: Path) -> None:
    data, output = tiny_data(tmp_path / "data"), tmp_path / "search"
    started = subprocess.Popen([sys.executable, "-m", "trainer.search", *line(data, output, 2)])
    until = time.monotonic() + 120
    while not any(output.glob("trials/.staging-*")):
        assert time.monotonic() < until and started.poll() is None
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    started.wait()
    done = subprocess.run(
        [sys.executable, "-m", "trainer.search", *line(data, output, 2)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    runs = sorted((output / "trials").glob("[!.]*"))
    assert len(runs) == 2
    best = min(runs, key=lowest_loss)
    spec = read_spec(output / "spec.json")
    assert spec == read_spec(best / "spec.json")
    assert spec.training.epochs == 2
    assert f"best run:  {best}" in done.stdout
    assert done.stdout.startswith("trial")
    first = json.loads((output / "study.journal").read_text().splitlines()[0])
    assert first["study_name"] == "search"


def test_a_trial_that_was_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    ranges = dict([range_of("training.learning_rate=log:1e-3..0.1")])
    cut_off = open_study(tmp_path / "study", 1).ask(ranges)
    again = open_study(tmp_path / "study", 1).ask(ranges)
    assert again.number == cut_off.number + 1
    assert again.params == cut_off.params


def test_a_run_that_a_killed_search_left_behind_is_waited_for(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from pipeline.manifest import lock\n"
        "with lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(1.5)"
    )
    line = [sys.executable, "-c", script, str(tmp_path / "run")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as left_behind:
        assert left_behind.stdout is not None
        assert left_behind.stdout.readline() == "held\n"
        wait_until_free(tmp_path / "run")
        with lock(tmp_path / "run"):
            pass


def test_settings_differ_from_trial_to_trial_when_a_study_is_taken_up(tmp_path: Path) -> None:
    ranges = dict([range_of("training.learning_rate=log:1e-3..0.1")])
    seen = set()
    for _ in range(3):
        study = open_study(tmp_path / "study", 1)
        trial = study.ask(ranges)
        study.tell(trial, 1.0)
        seen.add(trial.params["training.learning_rate"])
    assert len(seen) == 3


@pytest.mark.parametrize("text", ["a.b=", "a.b=3..1", "a.b=log:0..1", "a.b=x..y"])
def test_a_range_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="a range is PLACE=LOW") as failed:
        range_of(text)
    assert failed.value.exit_code == Exit.USAGE


def test_a_place_or_value_that_the_spec_has_not_is_refused_before_the_first_trial(
    tmp_path: Path,
) -> None:
    data = tiny_data(tmp_path / "data")
    for wrong in ("training.speed=1..2", "trunk.dropout=0.5..1.5"):
        with pytest.raises(Failure, match=r"spec\.json: t") as failed:
            run(["--data", str(data), "--output", str(tmp_path / "s"), "--range", wrong])
        assert failed.value.exit_code == Exit.USAGE
    assert not (tmp_path / "s").exists()


def test_a_spec_that_leaves_training_open_is_refused(tmp_path: Path) -> None:
    said = {"training: {epochs: 3, batch_size: 16, learning_rate: 0.01, patience: null}": ""}
    data = tiny_data(tmp_path / "data", spec=tiny_spec(replace=said))
    with pytest.raises(Failure, match="leaves nothing to `training: auto`") as failed:
        run(["--data", str(data), "--output", str(tmp_path / "s")])
    assert failed.value.exit_code == Exit.USAGE


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Failure, match=r"shared-weights\[tune\]") as failed:
        run(["--data", "d", "--output", "o"])
    assert failed.value.exit_code == Exit.ENVIRONMENT
