"""Every command: help that fits a screen and has an example, and completion that knows it all."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from pipeline import completion
from pipeline.completion import PACKAGES, options, script

ROOT = Path(__file__).parents[1]
SCREEN_LINES, SCREEN_COLUMNS = 40, 100
helps = cache(completion.helps)


@pytest.mark.parametrize("package", PACKAGES)
def test_help_fits_a_screen_and_has_an_example(package: str) -> None:
    for command, text in helps(package).items():
        lines = text.splitlines()
        assert len(lines) <= SCREEN_LINES, command
        assert max(map(len, lines)) <= SCREEN_COLUMNS, command
        assert " ".join(text.split()).count(f"python -m {command}") >= 2, command


KNOWN = {
    "pipeline.run": ["--help", "--score", "--spec", "--stages"],
    "trainer.task": ["--help", "--data"],
    "trainer.search": ["--help", "--data"],
}


def test_every_command_of_the_contract_and_its_options_are_found() -> None:
    texts = helps("serving")
    assert {"serving.export", "serving.score"} <= set(texts)
    assert {"--help", "--model", "--top-k", "--keep"} <= set(options(texts["serving.score"]))


SETTING = ["--set", "training.epochs=7"]


def completed(*words: str) -> list[str]:
    """What bash offers for the last of some words."""
    typed = " ".join(f'"{word}"' for word in words)
    ask = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shared_weights; "
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script(KNOWN) + ask], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_modules_options_and_leaves_the_rest_alone() -> None:
    assert completed("python", "-m", "trainer.t") == ["trainer.task"]
    assert completed("python", "-m", "") == list(KNOWN)
    spec = completed("python", "-m", "pipeline.run", "--spec", "s.yaml", "--s")
    assert spec == ["--score", "--spec", "--stages"]
    every = completed("python3", "-m", "trainer.task", "--")
    assert every == ["--help", "--data", "--log-format", "--debug"]
    assert completed("python", "-m", "trainer.task", "rows") == []
    assert completed("python", "-m", "http.server", "--") == []
    assert completed("python", "scr") == []


def test_what_a_run_would_do_is_printed_whole(tmp_path: Path) -> None:
    spec = ROOT / "examples" / "tennis" / "spec.yaml"
    line = f"-m pipeline.run --spec {spec} --input rows.csv --output {tmp_path / 'out'}".split()
    done = subprocess.run(
        [sys.executable, *line, "--stages", "prepare,train", "--print-config", *SETTING],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    said = json.loads(done.stdout)
    assert said["spec"]["name"] == "tennis" and said["spec"]["training"]["epochs"] == 7
    assert list(said["stages"]) == ["prepare", "train"]
    assert all(" --set training.epochs=7" in command for command in said["stages"].values())
    assert said["stages"]["prepare"].startswith(f"python -m pipeline.prepare --spec {spec} --input")
    assert not (tmp_path / "out").exists()
