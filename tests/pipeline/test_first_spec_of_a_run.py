"""`pipeline.run` without a spec: it looks at the rows, writes OUT/spec.yaml and goes on with it."""

import csv
import random
from pathlib import Path

import pytest

from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.preparing import infer
from pipeline.preparing.inferring.wishes import Wishes
from pipeline.run import run
from pipeline.spec.file import read_spec


@pytest.fixture
def rows(tmp_path: Path) -> str:
    dice = random.Random(4)
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["shop", "weight", "goods"])
        for _ in range(400):
            writer.writerow([dice.choice("ABCD"), f"{dice.random():.3f}", dice.choice("xyz")])
    return str(tmp_path / "rows.csv")


def _arguments(rows: str, output: Path, *more: str) -> list[str]:
    return ["--input", rows, "--output", str(output), "--stages", "prepare", *more]


def test_a_target_is_all_that_a_run_needs(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    run(_arguments(rows, output, "--target", "goods"))
    assert "prepare" in capsys.readouterr().out
    text = (output / "spec.yaml").read_text()
    assert text == infer.spec_for([rows], said=Wishes(targets=("goods",)))
    assert DataFolder(output / "data").verified().spec.heads.keys() == {"goods"}


def test_columns_that_are_left_out_are_named_with_their_reasons(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *lines = Path(rows).read_text().splitlines()
    more = [f"{line},{line[-1] * 2}" for line in lines]
    Path(rows).write_text("\n".join([f"{header},twice", *more]))
    run(_arguments(rows, tmp_path / "out", "--target", "goods", "--print-config"))
    (said,) = (line for line in capsys.readouterr().err.splitlines() if "left out" in line)
    assert said.startswith("  left out: twice: ")


def test_the_spec_that_is_there_stays(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    run(_arguments(rows, output, "--target", "goods", "--print-config"))
    own = (output / "spec.yaml").read_text() + "# mine\n"
    (output / "spec.yaml").write_text(own)
    run(_arguments(rows, output, "--target", "goods", "--print-config"))
    assert (output / "spec.yaml").read_text() == own
    assert "is there and stays" in capsys.readouterr().err
    with pytest.raises(Failure, match="must predict what --target says") as failure:
        run(_arguments(rows, output, "--target", "shop", "--print-config"))
    assert failure.value.exit_code == Exit.OCCUPIED
    run(_arguments(rows, output, "--target", "shop", "--print-config", "--force"))
    assert [*read_spec(output / "spec.yaml").heads] == ["shop"]


def test_what_is_said_of_rows_goes_without_a_spec(
    rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(_arguments(rows, tmp_path / "out", "--spec", "a.yaml", "--target", "goods"))
    assert ended.value.code == Exit.USAGE
    assert "goes without --spec" in capsys.readouterr().err
