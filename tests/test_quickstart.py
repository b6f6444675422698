"""The quickstart, command by command, on fewer of its rows."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

from documents import blocks, commands

from pipeline.spec.file import parse_spec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quickstart.md"
TERMINAL = ROOT / "docs" / "terminal.md"
# As many goals as the page has made, and as many as are made here.
ROWS, FEW = "--rows 20000", "--rows 500"


def without_figures(table: str) -> list[list[str]]:
    """The words of each line, numbers and times left out."""
    return [re.sub(r"[\d,:]*\d", "", line).split() for line in table.strip().splitlines()]


def own_spec() -> str:
    (spec,) = [block for block in blocks(PAGE, "yaml") if block.startswith("name:")]
    return spec


def test_every_command_works_in_its_turn(tmp_path: Path) -> None:
    assert len(commands(PAGE)) >= 6
    assert ROWS in commands(PAGE)[0]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    for command in commands(PAGE):
        few = command.replace(ROWS, FEW)
        done = subprocess.run(
            few, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if "pipeline.run" in command and "--output OUT" in command:
            (shown,) = [text for text in blocks(TERMINAL, "text") if text.startswith("stage")]
            printed = done.stdout[done.stdout.rindex("\nstage ") :]
            # Behind the table a verdict on each head may follow.
            printed = printed.strip().partition("\n\n")[0]
            assert without_figures(printed) == without_figures(shown)
        if "--infer" in command:
            inferred = (tmp_path / "my.yaml").read_text(encoding="utf-8")
            assert [*parse_spec(inferred).heads] == ["scorer"]
            (tmp_path / "my.yaml").write_text(own_spec(), encoding="utf-8")
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        scores = list(csv.DictReader(file))
    with (tmp_path / "goals.csv").open(encoding="utf-8", newline="") as file:
        goals = list(csv.DictReader(file))[: len(scores)]
    keys = ("date", "team", "opponent")
    assert [[row[key] for key in keys] for row in scores] == [
        [g[key] for key in keys] for g in goals
    ]
    assert all(row["team"] in row["scorer.labels"] for row in scores)


def test_the_rows_it_shows_are_those_that_are_made(tmp_path: Path) -> None:
    from examples.when import rows

    rows.run([*commands(PAGE)[0].split()[3:-1], str(tmp_path / "goals.csv")])
    made = (tmp_path / "goals.csv").read_text(encoding="utf-8").replace('"', "").splitlines()
    shown = blocks(PAGE, "csv")[0].splitlines()
    assert made[: len(shown)] == shown


def test_the_refusals_it_shows_are_what_is_printed(tmp_path: Path) -> None:
    (wrong,) = re.findall(r"^error: (my\.yaml: .*)$", PAGE.read_text(encoding="utf-8"), re.M)
    right = "opponent: {kind: category, vocabulary: team, embedding: 16, through: common}"
    spec = own_spec().replace(right, right.replace("common", "comon"))
    assert spec != own_spec()
    (tmp_path / "my.yaml").write_text(spec)
    command = [sys.executable, "-m", "pipeline.run", "--spec", "my.yaml", "--input", "x.csv"]
    done = subprocess.run(
        [*command, "--output", "OUT"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (2, f"error: {wrong}\n")
