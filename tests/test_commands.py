"""Every command: help that fits a screen and has an example, and completion that knows it all."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import pipeline
from pipeline import completion
from pipeline.command import WORDS
from pipeline.completion import PACKAGES, options, script
from pipeline.running.options import parser

ROOT = Path(__file__).parents[1]
SCREEN_LINES, SCREEN_COLUMNS = 60, 100
POSITIONAL = ("rows", "files")
helps = cache(completion.helps)


@pytest.mark.parametrize("package", PACKAGES)
def test_help_fits_a_screen_and_has_an_example(package: str) -> None:
    for command, text in helps(package).items():
        lines = text.splitlines()
        assert len(lines) <= SCREEN_LINES, command
        assert max(map(len, lines)) <= SCREEN_COLUMNS, command
        assert " ".join(text.split()).count(f"python -m {command}") >= 2, command


KNOWN = {
    "pipeline.run": ["--help", "--score", "--side", "--spec", "--stages"],
    "trainer.task": ["--help", "--data"],
    "trainer.search": ["--help", "--data"],
}


def test_every_command_of_the_contract_and_its_options_are_found() -> None:
    texts = helps("serving")
    assert {"serving.export", "serving.score"} <= set(texts)
    assert {"--help", "--model", "--top-k", "--keep"} <= set(options(texts["serving.score"]))


def console(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """`shared-weights ARGUMENT ...`, as its script calls it."""
    code = "from pipeline.command import console; console()"
    line = [sys.executable, "-c", code, *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


def test_every_module_that_can_be_run_has_one_word() -> None:
    modules = {module for package in PACKAGES for module in completion.commands(package)}
    assert len(WORDS) == len(set(WORDS.values()))
    # It writes pages of this project's own documents.
    assert set(WORDS.values()) == modules - {"pipeline.spec.docs"}


def test_help_of_the_console_command_has_a_line_for_each_word() -> None:
    said = console("--help")
    assert said.returncode == 0 and said.stderr == ""
    lines = [line.split(maxsplit=1) for line in said.stdout.partition("words:\n")[2].splitlines()]
    assert [word for word, _ in lines[: len(WORDS)]] == list(WORDS)
    assert max(map(len, said.stdout.splitlines())) <= SCREEN_COLUMNS


def test_the_console_command_says_its_version() -> None:
    assert console("--version").stdout == f"{pipeline.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["trian"], ["--trian"]])
def test_without_a_word_that_it_knows_it_ends_with_exit_code_2(arguments: list[str]) -> None:
    said = console(*arguments)
    assert said.returncode == 2
    assert "usage: shared-weights WORD" in said.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--model", "nowhere.onnx", "--input", "x.csv", "--output", "scores.csv"],
        ["--model", "nowhere.onnx", "--input", "x.csv", "--output", "o.csv", "--top-k", "0"],
        ["--log-format", "json", "--model", "x", "--input", "x.csv", "--output", "o.csv"],
        ["--modell"],
    ],
)
def test_a_word_does_what_its_module_does(arguments: list[str]) -> None:
    """The same output, the same messages, the same exit code."""

    def without_time(said: "subprocess.CompletedProcess[str]") -> tuple[int, str, str]:
        return said.returncode, said.stdout, re.sub(r'"time": "[^"]*"', "", said.stderr)

    module = [sys.executable, "-m", "serving.score", *arguments]
    wanted = subprocess.run(module, cwd=ROOT, capture_output=True, text=True)
    assert without_time(console("score", *arguments)) == without_time(wanted)


SETTING = ["--set", "training.epochs=7"]


def completed(*words: str) -> list[str]:
    """What bash offers for the last of some words, by the function for the first."""
    typed = " ".join(f'"{word}"' for word in words)
    function = f"$(complete -p {words[0]} | grep -oE '_shared_weights[a-z_]*')"
    ask = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; {function}; "
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script(KNOWN) + ask], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout.split()


def test_bash_completes_modules_options_and_leaves_the_rest_alone() -> None:
    assert completed("python", "-m", "trainer.t") == ["trainer.task"]
    assert completed("python", "-m", "") == list(KNOWN)
    spec = completed("python", "-m", "pipeline.run", "--spec", "s.yaml", "--s")
    assert spec == ["--score", "--side", "--spec", "--stages"]
    every = completed("python3", "-m", "trainer.task", "--")
    assert every == ["--help", "--data", "--log-format", "--debug"]
    assert completed("python", "-m", "trainer.task", "rows") == []
    assert completed("python", "-m", "http.server", "--") == []
    assert completed("python", "scr") == []


def test_bash_completes_the_words_of_the_console_command_and_their_options() -> None:
    assert completed("shared-weights", "") == ["run", "train", "search"]
    assert completed("shared-weights", "s") == ["search"]
    assert completed("shared-weights", "run", "--s") == ["--score", "--side", "--spec", "--stages"]
    every = completed("shared-weights", "train", "--")
    assert every == ["--help", "--data", "--log-format", "--debug"]
    assert completed("shared-weights", "train", "rows") == []


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


def options_of_several_values() -> list[tuple[str, str, str]]:
    """File, name and action of each option of ours that takes as many values as it gets."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = []
    for path in files:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and call.args:
                said = {word.arg: ast.unparse(word.value).strip("'") for word in call.keywords}
                if said.get("nargs") == "+":
                    name = ast.unparse(call.args[0]).strip("'")
                    found.append((path.name, name, said.get("action", "store")))
    return found


def test_an_option_of_several_values_may_also_be_given_several_times() -> None:
    """`--target a --target b` is `--target a b`: argparse would forget `a` without a word."""
    options = [option for option in options_of_several_values() if option[1] not in POSITIONAL]
    assert ("options.py", "--input", "extend") in options
    assert [option for option in options if option[2] != "extend"] == []
    line = "--input a.csv --input b.csv c.csv --output OUT --target x --target y --keep k --keep l"
    said = parser().parse_args(line.split())
    assert said.input == ["a.csv", "b.csv", "c.csv"]
    assert (said.target, said.keep) == (["x", "y"], ["k", "l"])
