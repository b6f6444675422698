"""An expected failure is one line and its code; a fault of ours keeps its traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDE = "import errno; from pipeline.failures import Exit, Failure, main\n"


def end_of(body: str, **environment: str) -> tuple[int, str]:
    script = f"{PRELUDE}def command(arguments):\n    {body}\nmain(command)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment or None
    )
    return done.returncode, done.stderr


def test_a_command_that_ends_well_exits_0() -> None:
    assert end_of("pass") == (0, "")


def test_a_failure_is_one_line_and_its_code() -> None:
    body = "raise Failure(Exit.BAD_ROWS, 'at most 1 % may be bad', received='7 %')"
    assert end_of(body) == (4, "error: at most 1 % may be bad. Received: 7 %\n")


def test_a_name_that_the_console_has_no_letters_for_is_printed_all_the_same() -> None:
    code, message = end_of(
        "raise Failure(Exit.USAGE, chr(0x1F642))", PYTHONPATH=str(ROOT), PYTHONIOENCODING="latin-1"
    )
    assert (code, message) == (2, "error: \\U0001f642\n")


@pytest.mark.parametrize("kind", ["ENOSPC", "EACCES", "EROFS"])
def test_a_fault_of_the_machine_names_the_path_and_exits_6(kind: str) -> None:
    code, message = end_of(f"raise OSError(errno.{kind}, 'the reason', '/some/where')")
    assert (code, message) == (6, "error: the reason: /some/where\n")


def test_a_fault_of_ours_exits_1_with_its_traceback() -> None:
    code, message = end_of("1 / 0")
    assert code == 1
    assert "ZeroDivisionError" in message and "Traceback" in message


@pytest.mark.parametrize(
    ("name", "code", "said"), [("SIGTERM", -15, "ended by SIGTERM"), ("SIGINT", 130, "interrupted")]
)
def test_a_command_that_is_told_to_end_says_so(name: str, code: int, said: str) -> None:
    body = f"import os, signal, time; os.kill(os.getpid(), signal.{name}); time.sleep(9)"
    assert end_of(body) == (code, f"error: {said}; the same command starts it again\n")


def test_debug_may_be_asked_for_on_the_command_line_of_every_command() -> None:
    body = "assert arguments == ['--x']; raise Failure(Exit.USAGE, 'rule')"
    script = f"{PRELUDE}def command(arguments):\n    {body}\nmain(command)"
    line = [sys.executable, "-c", script, "--debug", "--x"]
    done = subprocess.run(line, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (1, True)


def test_debugging_shows_where_a_failure_comes_from() -> None:
    _, message = end_of("raise Failure(Exit.USAGE, 'rule')", PIPELINE_DEBUG="1", PYTHONPATH=".")
    assert "Traceback" in message
