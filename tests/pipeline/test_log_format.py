"""A log of JSON objects: one a line, each with its severity, a traceback whole."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.console.log_format import JsonLines

ROOT = Path(__file__).parents[2]


def logged(command: str, *arguments: str) -> tuple[int, list[Any]]:
    line = [sys.executable, "-m", command, *arguments, "--log-format", "json"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    return done.returncode, [json.loads(said) for said in done.stderr.splitlines()]


@pytest.mark.parametrize("command", ["pipeline.run", "trainer.task", "serving.score"])
def test_a_failure_is_one_object_whichever_command_it_is(command: str, tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    arguments = {
        "pipeline.run": ["--spec", missing, "--input", "x", "--output", missing],
        "trainer.task": ["--data", missing, "--output", missing],
        "serving.score": ["--model", missing, "--input", missing, "--output", "scores.csv"],
    }[command]
    code, lines = logged(command, *arguments)
    assert code in (2, 5)
    assert [line["severity"] for line in lines] == ["ERROR"]
    assert lines[0]["message"].startswith("error: ")


def test_lines_become_objects_when_they_end() -> None:
    raw = io.StringIO()
    stream = JsonLines(raw)
    print("one", 1, file=stream)
    print("begun", end="", file=stream)
    print("\n\nwarning: three", file=stream)
    lines = [json.loads(line) for line in raw.getvalue().splitlines()]
    assert [(line["severity"], line["message"]) for line in lines] == [
        ("INFO", "one 1"),
        ("INFO", "begun"),
        ("WARNING", "warning: three"),
    ]


def test_a_fault_is_one_object_with_its_traceback() -> None:
    code = (
        "import sys; sys.argv = ['x', '--log-format=json']\n"
        "from pipeline.failures import main\n"
        "main(lambda _: 1 / 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    [line] = [json.loads(said) for said in done.stderr.splitlines()]
    assert (done.returncode, line["severity"]) == (1, "CRITICAL")
    assert line["message"].rstrip().endswith("ZeroDivisionError: division by zero")


def test_another_format_is_refused() -> None:
    line = [sys.executable, "-m", "pipeline.run", "--log-format", "xml"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "'plain', 'json'" in done.stderr
