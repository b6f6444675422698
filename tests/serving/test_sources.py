"""How many rows the files of rows have."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from serving.files.sources import rows_about


@pytest.mark.parametrize(
    ("name", "text"), [("a.csv", "x\n1\n2\n"), ("a.tsv", "x\n1\n2\n"), ("a.jsonl", "{}\n{}\n")]
)
def test_a_header_is_no_row(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert rows_about([str(tmp_path / name)]) == 2


def test_files_add_up_and_one_of_unknown_length_makes_all_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    pyarrow.parquet.write_table(pa.table({"x": [1, 2, 3]}), tmp_path / "b.parquet")
    (tmp_path / "c.csv.gz").write_bytes(b"")
    paths = [str(tmp_path / name) for name in ("a.csv", "b.parquet", "c.csv.gz")]
    assert rows_about(paths[:2]) == 4
    assert rows_about(paths) is None
