"""The one command starts each stage as it would be started by hand, and ends as the stage ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.failures import Failure
from pipeline.run import Command, _parser, commands, run_stage

WANTED = ["--spec", "spec.yaml", "--input", "a.csv", "b.csv", "--output", "OUT"]


def command_lines(*more: str) -> dict[str, str]:
    options, beam = _parser().parse_known_args([*WANTED, *more])
    return {c.stage: " ".join(c.arguments) for c in commands(options, beam)}


def test_the_stages_are_the_commands_of_the_contract() -> None:
    assert command_lines() == {
        "prepare": "pipeline.prepare --spec spec.yaml --input a.csv b.csv --output OUT/data "
        "--max-bad-fraction 0.01",
        "train": "trainer.task --data OUT/data --output OUT/run --spec spec.yaml",
        "export": "serving.export --run OUT/run --output OUT/model",
        "score": "serving.score --model OUT/model/model.onnx --input a.csv b.csv "
        "--output OUT/scores.parquet --force",
    }


def test_rows_to_score_may_be_others_and_carry_more_columns() -> None:
    line = command_lines("--score", "new.csv", "--keep", "label")["score"]
    assert "--input new.csv --output OUT/scores.parquet --keep label" in line


def test_options_that_are_not_ours_go_to_beam() -> None:
    lines = command_lines("--runner=FlinkRunner", "--flink_master=local")
    assert lines["prepare"].endswith("--runner=FlinkRunner --flink_master=local")
    assert "flink" not in lines["train"]


def test_stages_can_be_chosen() -> None:
    assert list(command_lines("--stages", "train,export")) == ["train", "export"]
    with pytest.raises(Failure, match="Received: trian"):
        _parser().parse_known_args([*WANTED, "--stages", "trian"])


def test_a_stage_that_fails_ends_the_run_with_its_code(tmp_path: Path) -> None:
    spec, output = tmp_path / "empty.yaml", tmp_path / "out"
    spec.write_text("name: x")
    line = f"-m pipeline.run --spec {spec} --input x --output {output}".split()
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {spec}: inputs: Field required")
    assert not output.exists()


def test_a_stage_that_cannot_start_ends_the_run() -> None:
    with pytest.raises(SystemExit) as ended:
        run_stage(Command("prepare", ("no.such.module",), Path()))
    assert ended.value.code == 1


def test_a_signal_to_end_reaches_the_stage(tmp_path: Path) -> None:
    (tmp_path / "stage.py").write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'saved\\n'), sys.exit(143)))\n"
        "os.write(1, b'started\\n')\n"
        "time.sleep(60)\n"
    )
    script = (
        "from pathlib import Path; from pipeline.run import *;"
        "run_stage(Command('train', ('stage',), Path()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{Path.cwd()}:{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "saved\n"
        assert process.wait(timeout=10) == 143
        assert time.monotonic() - started < 10
