"""The one command starts each stage as it would be started by hand, and ends as the stage ends."""

import signal
import subprocess
import sys
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from examples.next_item import rows
from pipeline.failures import Exit, Failure
from pipeline.rows.csv_dialect import csv_of
from pipeline.run import run, run_all
from pipeline.running.options import parser
from pipeline.running.processes import StageFailed, run_stage
from pipeline.running.settings import minutes_of
from pipeline.running.stages import Command, columns_to_keep, commands
from pipeline.spec.file import parse_spec

WANTED = ["--spec", "spec.yaml", "--input", "a.csv", "b.csv", "--output", "OUT"]


def command_lines(**more: Any) -> dict[str, str]:
    made = commands("spec.yaml", ["a.csv", "b.csv"], "OUT", **more)
    return {command.stage: " ".join(command.arguments) for command in made}


def test_the_stages_are_the_commands_of_the_contract() -> None:
    assert command_lines() == {
        "prepare": "pipeline.prepare --spec spec.yaml --input a.csv b.csv --output OUT/data "
        "--max-bad-fraction 0.01",
        "train": "trainer.task --data OUT/data --output OUT/run --spec spec.yaml",
        "export": "serving.export --run OUT/run --output OUT/model",
        "score": "serving.score --model OUT/model/model.onnx --input a.csv b.csv "
        "--output OUT/scores.parquet --side eval test --force",
        "report": "serving.report --run OUT/run --model OUT/model/model.onnx "
        "--output OUT/report.html",
    }


def test_rows_to_score_may_be_others_and_carry_more_columns() -> None:
    line = command_lines(score=["new.csv"], keep=["label"])["score"]
    assert "--input new.csv --output OUT/scores.parquet --keep label" in line


def test_without_keys_scores_stand_beside_what_the_model_reads_and_predicts() -> None:
    said = """
      name: plain
      vocabularies: {town: {}}
      inputs: {size: {kind: number, column: m2}, town: {kind: category, vocabulary: town}}
      heads: {price: {kind: regression}, sold: {kind: binary, column: "sold?"}}
      split: {by: row}
    """
    assert columns_to_keep(parse_spec(said)) == ["m2", "town", "price", "sold?"]
    assert columns_to_keep(parse_spec(f"{said}  keys: [row]")) == []


def test_where_elements_of_lists_are_held_out_all_lists_are_scored(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each of them is on every side."""
    spec = Path(rows.__file__).with_name("spec.yaml")
    run(["--spec", str(spec), "--input", "a.csv", "--output", "OUT", "--print-config"])
    printed = capsys.readouterr().out
    assert "serving.score" in printed and "--side" not in printed


def test_what_is_said_of_csv_files_is_said_to_each_stage_that_reads_them() -> None:
    options = parser().parse_args([*WANTED, "--delimiter", "tab", "--csv-escape"])
    lines = command_lines(csv=csv_of(options))
    for stage in ("prepare", "score"):
        assert " --delimiter=\t --csv-escape" in lines[stage]
    assert not any("--csv-escape" in lines[stage] for stage in ("train", "export", "report"))


def test_what_is_scored_was_not_trained_on_unless_other_rows_or_sides_are_named() -> None:
    assert "--side eval test" in command_lines()["score"]
    assert "--side" not in command_lines(score=["new.csv"])["score"]
    assert "--side" not in command_lines(side=["all"])["score"]
    assert "--side test" in command_lines(score=["new.csv"], side=["test"])["score"]


def test_options_that_are_not_ours_go_to_beam() -> None:
    _, beam = parser().parse_known_args([*WANTED, "--runner=FlinkRunner"])
    lines = command_lines(beam_options=[*beam, "--flink_master=local"])
    assert lines["prepare"].endswith("--runner=FlinkRunner --flink_master=local")
    assert "flink" not in lines["train"]


def test_no_option_is_passed_over_in_silence() -> None:
    with pytest.raises(Failure, match=r"prepare stage alone\. Received: --epochs=3") as failed:
        run([*WANTED, "--stages", "train,export", "--epochs=3"])
    assert failed.value.exit_code == Exit.USAGE


def test_a_setting_changes_the_spec_of_both_stages_that_read_it() -> None:
    lines = command_lines(settings=["training.epochs=2", "trunk.layers=[8]"])
    for stage in ("prepare", "train"):
        assert " --set training.epochs=2 --set trunk.layers=[8]" in lines[stage]
    assert not any("--set" in lines[stage] for stage in ("export", "score", "report"))


def test_stages_can_be_chosen() -> None:
    assert list(command_lines(stages=["train", "export"])) == ["train", "export"]
    with pytest.raises(Failure, match="Received: trian"):
        parser().parse_known_args([*WANTED, "--stages", "trian"])
    said, _ = parser().parse_known_args([*WANTED, "--stages", "prepare, train"])
    assert said.stages == ("prepare", "train")


def test_a_stage_that_fails_ends_the_run_with_its_code(tmp_path: Path) -> None:
    spec, output = tmp_path / "empty.yaml", tmp_path / "out"
    spec.write_text("name: x")
    line = f"-m pipeline.run --spec {spec} --input x --output {output}".split()
    done = subprocess.run([sys.executable, *line], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {spec}: inputs: must be given")
    assert not output.exists()


def test_a_stage_that_fails_is_named_with_its_code() -> None:
    with pytest.raises(StageFailed, match="prepare ended with exit code 1") as failed:
        run_stage(Command("prepare", ("no.such.module",), Path()))
    assert failed.value.exit_code == 1


def test_the_command_hands_all_it_was_told_to_the_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Command] = []

    def note(command: Command) -> float:
        started.append(command)
        return 1.0

    monkeypatch.setattr("pipeline.run.read_spec", lambda path, settings: None)
    monkeypatch.setattr("pipeline.running.processes.run_stage", note)
    monkeypatch.setattr("pipeline.run.table", lambda finished: "")
    more = ["--keep", "k", "--score", "new.csv", "--force", "--max-bad-fraction", "0.5"]
    more += ["--set", "training.epochs=2", "--side", "train", "test"]
    output = str(tmp_path / "out")
    run([*WANTED[:-1], output, *more, "--runner=FlinkRunner"])
    said: dict[str, Any] = {
        "keep": ["k"],
        "score": ["new.csv"],
        "side": ["train", "test"],
        "settings": ["training.epochs=2"],
        "force": True,
        "max_bad_fraction": 0.5,
    }
    wanted = commands(
        "spec.yaml", ["a.csv", "b.csv"], output, beam_options=["--runner=FlinkRunner"], **said
    )
    *others, spent = started[1].arguments
    assert others.pop() == "--spent"
    # Of a clock, and what is kept for three stages after a prepare of one second.
    assert 10 <= float(spent) <= 20
    started[1] = replace(started[1], arguments=tuple(others))
    assert started == wanted


def test_minutes_are_a_setting_of_the_spec() -> None:
    def minutes(*more: str) -> list[str]:
        return minutes_of(parser().parse_args([*WANTED, *more]))

    assert minutes() == []
    assert minutes("--minutes", "2") == ["training.minutes=2.0"]
    assert minutes("--quick") == ["training.minutes=0.5"]
    with pytest.raises(SystemExit):
        minutes("--quick", "--minutes", "2")


def test_a_signal_to_end_reaches_the_stage(tmp_path: Path) -> None:
    (tmp_path / "stage.py").write_text(
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'saved\\n'), sys.exit(143)))\n"
        "os.write(1, b'started\\n')\n"
        "time.sleep(60)\n"
    )
    script = (
        "import sys; from pathlib import Path; from pipeline.running.processes import *\n"
        "try: run_stage(Command('train', ('stage',), Path()))\n"
        "except StageFailed as failed: sys.exit(failed.exit_code)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{Path.cwd()}:{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "saved\n"
        # The stage would go on for longer.
        assert process.wait(timeout=50) == 143


def test_a_run_from_python_takes_all_that_its_commands_take() -> None:
    assert list(signature(run_all).parameters) == list(signature(commands).parameters)
