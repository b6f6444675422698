"""The scorer puts rows where prepare put them, for every way to split."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from chain import read_json, through_all_stages, words

from pipeline.failures import Exit, Failure
from pipeline.sides import SIDES
from pipeline.spec.file import parse_spec
from serving import score
from serving.files.by_side import BySide
from serving.files.sources import read
from serving.model_file.metadata import Metadata

SPEC = """
name: sides
keys: [user, at]
inputs: {x: {kind: number}}
heads: {y: {kind: regression}}
split: SPLIT
training: {epochs: 1, batch_size: 64}
"""
SPLITS = {
    "time": "{by: time, column: at, eval: 0.2, test: 0.15}",
    "last": "{by: last, columns: [user], order: at, eval: 1, test: 2}",
    "row": "{by: row, eval: 0.2, test: 0.15}",
}
ROWS = 200


def rows() -> pa.Table:
    random = np.random.default_rng(5)
    at = pa.array(1_700_000_000 + random.integers(0, 10_000, ROWS), pa.timestamp("s"))
    users = [f"u{user}" for user in random.integers(0, 30, ROWS)]
    x = random.normal(size=ROWS)
    return pa.table({"user": users, "at": at, "x": x, "y": 2 * x})


def sides_of(
    output: Path, files: list[Path], more: tuple[str, ...] = ("--with-side",)
) -> list[Any]:
    to = output / "sides.parquet"
    model = output / "model" / "model.onnx"
    score.run(words("--model", model, "--input", *files, "--output", to, "--force", *more))
    return pyarrow.parquet.read_table(to).to_pylist()


@pytest.mark.parametrize("by", SPLITS)
def test_a_model_knows_the_side_of_each_row_of_its_files(
    tmp_path: Path, by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = rows()
    output = through_all_stages(parse_spec(SPEC.replace("SPLIT", SPLITS[by])), table, tmp_path / by)
    said = read_json(output / "data" / "statistics.json")
    capsys.readouterr()
    found = [row["side"] for row in sides_of(output, [output / "rows.parquet"])]
    assert [found.count(side) for side in SIDES] == [said["rows"][side] for side in SIDES]
    # The rows that prepare sampled are those of its test side.
    sampled = pyarrow.parquet.read_table(output / "data" / "samples.parquet")
    tested = table.filter(pa.array([side == "test" for side in found]))
    assert sorted(sampled["x"].to_pylist()) == pytest.approx(sorted(tested["x"].to_pylist()))
    told = capsys.readouterr().err
    assert ("the sides follow from" in told) == (by != "time")
    only = sides_of(output, [output / "rows.parquet"], ("--side", "test"))
    assert len(only) == said["rows"]["test"]
    pyarrow.csv.write_csv(table, output / "rows.csv")
    assert [row["side"] for row in sides_of(output, [output / "rows.csv"])] == found


def by_side(split: dict[str, Any]) -> BySide:
    metadata = Metadata("m", (), {}, (), (), 5, facts={"spec": {"split": split}})
    return BySide(metadata, None, shown=True)


def shown(by: BySide, *files: Path) -> tuple[list[str], list[tuple[int, str, str]]]:
    by.see([str(file) for file in files])
    sides, rejected = [], []
    for file in files:
        for raw in read(str(file), by.columns, 64):
            _, own, bad = by.of(str(file), raw)
            assert own is not None
            sides += own.to_pylist()
            rejected += [(one.row, one.column, one.reason) for one in bad]
    return sides, rejected


def test_a_time_that_prepare_found_decides_of_rows_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("at\n2024-01-31\n2024-02-01T00:00\n\nsoon\n2025-01-01\n")
    split = {"by": "time", "column": "at", "eval": 0.1, "test": 0.1}
    split["begins"] = ["2024-02-01", "2024-03-01 12:00:00"]
    sides, rejected = shown(by_side(split), tmp_path / "a.csv")
    assert sides == ["train", "eval", "test"]
    assert rejected == [(2, "at", "not_a_time")]


def test_a_column_that_a_split_names_twice_counts_once(tmp_path: Path) -> None:
    """As prepare has it, which reads each column once."""
    file = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(rows(), file)
    shares = {"by": "hash", "eval": 0.2, "test": 0.2}
    once, twice = (
        shown(by_side({**shares, "columns": columns}), file)
        for columns in (["user", "x"], ["user", "x", "user"])
    )
    assert once == twice


def test_last_rows_are_those_of_all_files_given(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,at\nu,3\nv,1\nu,1\nw,\n")
    (tmp_path / "b.csv").write_text("who,at\nu,2\nv,1\nw,5\n")
    split = {"by": "last", "columns": ["who"], "order": "at", "eval": 1, "test": 1}
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    sides, rejected = shown(by_side(split), *files)
    assert sides == ["test", "train", "train", "eval", "test", "train"]
    assert rejected == [(3, "at", "missing")]
    assert shown(by_side(split), files[1])[0] == ["train"] * 3


def test_an_order_of_two_kinds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,at\nu,3\nu,2024-01-01\n")
    split = {"by": "last", "columns": ["who"], "order": "at", "eval": 1, "test": 1}
    with pytest.raises(Failure, match="1 days and times, 1 numbers") as failed:
        shown(by_side(split), tmp_path / "a.csv")
    assert failed.value.exit_code == Exit.USAGE


def test_a_fold_is_the_test_side_of_its_model(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 300)
    found = []
    for fold in ("1/3", "2/3", "3/3"):
        split = {"by": "row", "eval": 0.1, "test": 0.1, "fold": fold}
        found.append(shown(by_side(split), tmp_path / "a.csv")[0])
    assert all(sides.count("test") == 1 for sides in zip(*found, strict=True))


def test_a_date_that_is_an_input_is_read_as_the_input_reads_it(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    days = [f"{day:02}/{month:02}/2024" for month, day in random.integers(1, 13, (ROWS, 2))]
    x = random.normal(size=ROWS)
    table = pa.table({"user": days, "at": days, "x": x, "y": 2 * x})
    text = SPEC.replace(
        "{x: {kind: number}}", "{x: {kind: number}, at: {kind: date, format: D/M/Y}}"
    )
    spec = parse_spec(
        text.replace("SPLIT", "{by: time, column: at, eval: 2024-09-01, test: 2024-11-01}")
    )
    output = through_all_stages(spec, table, tmp_path / "out")
    found = [row["side"] for row in sides_of(output, [output / "rows.parquet"])]
    months = [int(day[3:5]) for day in days]
    assert found == ["test" if m >= 11 else "eval" if m >= 9 else "train" for m in months]
    said = read_json(output / "data" / "statistics.json")
    assert [found.count(side) for side in SIDES] == [said["rows"][side] for side in SIDES]
