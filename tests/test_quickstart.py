"""The quickstart, command by command, on rows like its own."""

import csv
import os
import random
import re
import subprocess
import sys
from pathlib import Path

from documents import blocks, commands

from pipeline.spec.file import parse_spec

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quickstart.md"
COLUMNS = (
    "Package,Section,Priority,Architecture,Installed-Size,Maintainer,Depends,Homepage,Description"
)
SECTIONS = ("games", "python", "libs")


def write_packages(path: Path, count: int) -> None:
    """Rows in which the section says who maintains a package, as it often does."""
    dice = random.Random(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(COLUMNS.split(","))
        for at in range(count):
            section = dice.choice(SECTIONS)
            depends = ", ".join(dice.sample(["libc6 (>= 2.34)", "python3", "zlib1g"], 2))
            team = f"Team {section} <{section}@example.org>"
            row = [f"p{at}", section, "optional", "all", dice.randint(5, 9000), team, depends, ""]
            lines.writerow([*row, f"a {section} package"])


TERMINAL = ROOT / "docs" / "terminal.md"


def without_figures(table: str) -> list[list[str]]:
    """The words of each line, numbers and times left out."""
    return [re.sub(r"[\d,:]*\d", "", line).split() for line in table.strip().splitlines()]


def own_spec() -> str:
    (spec,) = [block for block in blocks(PAGE, "yaml") if block.startswith("name:")]
    return spec


def test_every_command_works_in_its_turn(tmp_path: Path) -> None:
    write_packages(tmp_path / "packages.csv", 400)
    write_packages(tmp_path / "new.csv", 5)
    assert len(commands(PAGE)) >= 3
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    for command in commands(PAGE):
        done = subprocess.run(
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        if "pipeline.run" in command and "--output OUT" in command:
            (shown,) = [text for text in blocks(TERMINAL, "text") if text.startswith("stage")]
            printed = done.stdout[done.stdout.rindex("\nstage ") :]
            # Behind the table a verdict on each head may follow.
            printed = printed.strip().partition("\n\n")[0]
            assert without_figures(printed) == without_figures(shown)
        if "--infer" in command:
            parse_spec((tmp_path / "my.yaml").read_text(encoding="utf-8"))
            (tmp_path / "my.yaml").write_text(own_spec(), encoding="utf-8")
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        scores = list(csv.DictReader(file))
    assert [row["Package"] for row in scores] == [f"p{at}" for at in range(5)]
    with (tmp_path / "new.csv").open(encoding="utf-8", newline="") as file:
        truth = [row["Maintainer"] for row in csv.DictReader(file)]
    assert all(right in row["Maintainer.labels"] for right, row in zip(truth, scores, strict=True))


def test_the_refusals_it_shows_are_what_is_printed(tmp_path: Path) -> None:
    (wrong,) = re.findall(r"^error: (my\.yaml: .*)$", PAGE.read_text(encoding="utf-8"), re.M)
    spec = own_spec().replace(
        "length: 20, combine: mean,\n            through: common", "length: 20, through: comon"
    )
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
