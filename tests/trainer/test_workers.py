"""Several machines and several devices give what one gives, and none is left waiting."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import tensorflow as tf
from saved_weights import saved_weights
from tiny_data import tiny_data, tiny_spec
from two_workers import SECONDS_AT_MOST, ends, start, weights_of

from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from trainer.data_folder import read_data
from trainer.network import shift_seeds
from trainer.options import place_in
from trainer.run import open_run
from trainer.stage import agreed
from trainer.training.train import train_run
from trainer.workers import Workers, check_batch_size

PHASES = "common: {units: 5, phases: {every: 1, between: joint, rows: 48, accept: train}}"


def spec_with_phases() -> Spec:
    return tiny_spec(replace={"common: {units: 5}": PHASES})


def test_two_machines_end_with_the_weights_of_one(tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", spec=spec_with_phases())
    script = Path(__file__).parents[1] / "two_workers.py"
    ended = ends(start([script, data, tmp_path]))
    assert [code for code, _ in ended] == [0, 0], ended
    chief, worker = (np.load(tmp_path / f"{place}.npz") for place in range(2))
    alone, _ = open_run(read_data(data), spec_with_phases())
    (tmp_path / "alone").mkdir()
    train_run(alone, tmp_path / "alone")
    for name, value in weights_of(alone).items():
        np.testing.assert_array_equal(chief[name], worker[name], err_msg=name)
        np.testing.assert_allclose(chief[name], value, atol=1e-5, rtol=1e-5, err_msg=name)
    assert (tmp_path / "0" / "checkpoints").is_dir()
    assert list((tmp_path / "1").iterdir()) == []
    [one, other] = ((tmp_path / n / "history.jsonl").read_text() for n in ("0", "alone"))
    assert len(one.splitlines()) == len(other.splitlines()) == 5


def test_a_killed_worker_ends_the_other_and_a_restart_goes_on(tmp_path: Path) -> None:
    data = tiny_data(tmp_path / "data", spec=tiny_spec(replace={"epochs: 3": "epochs: 6"}))
    options = ["--data", data, "--output", tmp_path / "run"]
    chief, worker = start([Path(__file__).parents[1] / "lost_worker.py", *options])
    worker.wait(SECONDS_AT_MOST)
    killed = time.monotonic()
    [(code, said), (of_killed, _)] = ends([chief, worker])
    assert time.monotonic() - killed < 60
    assert of_killed == -signal.SIGKILL
    assert code == Exit.ENVIRONMENT
    assert "error: all 2 workers must stay until the end" in said
    assert "Traceback" not in said

    line = ["-m", "trainer.task", *options]
    again = start(line)
    outputs = [process.communicate(timeout=SECONDS_AT_MOST) for process in again]
    assert [process.returncode for process in again] == [0, 0], outputs
    assert "goes on after step" in outputs[0][0]
    history = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in history] == list(range(1, 7))
    assert {path.name for path in tmp_path.iterdir()} == {"data", "run", ".run.lock"}

    whole = start([*line[:-1], tmp_path / "whole"])
    assert [code for code, _ in ends(whole)] == [0, 0]
    assert saved_weights(tmp_path / "run") == saved_weights(tmp_path / "whole")


def test_a_worker_with_another_spec_than_the_chief_is_refused() -> None:
    """The chief is a stand-in."""
    chief = SimpleNamespace(chiefs=lambda *_: (7, False), place=1)
    with pytest.raises(Failure, match="the chief's data, spec and code") as failed:
        agreed(cast(Workers, chief), "f" * 64, False)
    assert failed.value.exit_code == Exit.USAGE


def test_two_devices_of_one_machine_make_the_step_of_one() -> None:
    """In a process of its own: devices are counted when TensorFlow starts."""
    script = Path(__file__).parents[1] / "two_devices.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dropout_differs_between_workers_and_nothing_else_does(tmp_path: Path) -> None:
    spec = tiny_spec(replace={"trunk: {layers: [8]}": "trunk: {layers: [8], dropout: 0.4}"})
    run, _ = open_run(read_data(tiny_data(tmp_path / "data", spec=spec)), spec)
    before = {name: v.numpy() for name, v in run.state().items()}
    shift_seeds(run.network.seeds(), 1)
    changed = [name for name, v in run.state().items() if (v.numpy() != before[name]).any()]
    assert len(changed) == 1
    assert (run.state()[changed[0]].numpy() - before[changed[0]]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (0, 1)),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}', (1, 2)),
        ('{"cluster": {"chief": ["a:1"]}, "task": {"type": "chief", "index": 0}}', (0, 1)),
    ],
)
def test_the_place_of_a_process(text: str, place: tuple[int, int]) -> None:
    assert place_in(text) == place


@pytest.mark.parametrize("text", ["{", "[1]", '{"task": {"index": "x"}}'])
def test_a_cluster_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="TF_CONFIG must be JSON") as failed:
        place_in(text)
    assert failed.value.exit_code == Exit.USAGE


def test_a_task_that_trains_nothing_is_refused() -> None:
    with pytest.raises(Failure, match="chief or a worker"):
        place_in('{"cluster": {"chief": ["a:1"]}, "task": {"type": "ps", "index": 0}}')


def test_a_batch_is_shared_out_in_equal_parts() -> None:
    two = cast(tf.distribute.Strategy, SimpleNamespace(num_replicas_in_sync=2))
    check_batch_size(16, Workers(two))
    with pytest.raises(Failure, match="multiple of the 2 devices"):
        check_batch_size(15, Workers(two))
