"""Every command: help that fits a screen and has an example, and completion that knows it all."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from pipeline.completion import EVERYWHERE, OPTIONS, script

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "trainer", "serving")
SCREEN_LINES, SCREEN_COLUMNS = 40, 100
HELP = """
import contextlib, importlib, io, json, sys
found = {}
for name in sys.argv[1:]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        importlib.import_module(name).run(["--help"])
    found[name] = text.getvalue()
print("\\n" + json.dumps(found))
"""


def commands(package: str) -> list[str]:
    files = sorted((ROOT / package).glob("*.py"))
    return [f"{package}.{f.stem}" for f in files if '__name__ == "__main__"' in f.read_text()]


@cache
def helps(package: str) -> dict[str, str]:
    """The help of each command of a package; they load its libraries once, together."""
    line = [sys.executable, "-W", "ignore", "-c", HELP, *commands(package)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_help_fits_a_screen_and_has_an_example(package: str) -> None:
    for command, text in helps(package).items():
        lines = text.splitlines()
        assert len(lines) <= SCREEN_LINES, command
        assert max(map(len, lines)) <= SCREEN_COLUMNS, command
        assert " ".join(text.split()).count(f"python -m {command}") >= 2, command


@pytest.mark.parametrize("package", PACKAGES)
def test_completion_knows_every_option_of_every_command(package: str) -> None:
    for command, text in helps(package).items():
        options = set(re.findall(r"^  (?:-h, )?(--[a-z][a-z0-9-]*)", text, re.MULTILINE))
        assert options - {"--help"} == set(OPTIONS[command].split()), command
    assert {name for name in OPTIONS if name.startswith(package)} == set(commands(package))


def completed(*words: str) -> list[str]:
    """What bash offers for the last of some words."""
    typed = " ".join(f'"{word}"' for word in words)
    ask = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shared_weights; "
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script() + ask], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_modules_options_and_leaves_the_rest_alone() -> None:
    assert completed("python", "-m", "trainer.t") == ["trainer.task"]
    assert set(completed("python", "-m", "")) == set(OPTIONS)
    spec = completed("python", "-m", "pipeline.run", "--spec", "s.yaml", "--s")
    assert spec == ["--score", "--spec", "--stages"]
    every = completed("python3", "-m", "serving.score", "--")
    assert set(every) == {*OPTIONS["serving.score"].split(), *EVERYWHERE.split()}
    assert completed("python", "-m", "serving.score", "rows") == []
    assert completed("python", "-m", "http.server", "--") == []
    assert completed("python", "scr") == []


def test_what_a_run_would_do_is_printed_whole(tmp_path: Path) -> None:
    spec = ROOT / "examples" / "tennis" / "spec.yaml"
    line = f"-m pipeline.run --spec {spec} --input rows.csv --output {tmp_path / 'out'}".split()
    done = subprocess.run(
        [sys.executable, *line, "--stages", "prepare,train", "--print-config"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    said = json.loads(done.stdout)
    assert said["spec"]["name"] == "tennis" and said["spec"]["training"]["batch_size"] > 0
    assert list(said["stages"]) == ["prepare", "train"]
    assert said["stages"]["prepare"].startswith(f"python -m pipeline.prepare --spec {spec} --input")
    assert not (tmp_path / "out").exists()
