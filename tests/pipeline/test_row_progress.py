"""What prepare says of the rows it reads: how many, of about how many, and how long yet."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import rows
from pipeline.console import row_progress
from pipeline.preparing import reading


def test_each_pass_over_the_rows_has_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow.parquet.write_table(pa.table({"x": range(50)}), tmp_path / "rows.parquet")
    with row_progress.shown([str(tmp_path / "rows.parquet")]):
        for doing in ("learn", "write"):
            reading.listener(doing, 20)
            reading.listener(doing, 30)
    said = [line.split(" rows")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["prepare, learn: 50 of 50", "prepare, write: 50 of 50"]
    assert reading.listener is reading.nobody


@pytest.mark.parametrize("count", [10, 500_000])
def test_the_rows_of_a_text_file_are_about_as_many_as_it_has(count: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n" + "".join(f"{at},word\n" for at in range(count)))
    assert rows.about([str(path)]) == pytest.approx(count, rel=0.1)


def test_nothing_is_promised_of_a_packed_file(tmp_path: Path) -> None:
    assert rows.about([str(tmp_path / "rows.csv.gz")]) is None


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    assert rows.about([str(tmp_path / "rows.jsonl")]) == 0
