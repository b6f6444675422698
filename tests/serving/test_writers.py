"""The three formats of scored rows."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline.failures import Exit, Failure
from serving.files.writers import CsvCells, opened, suffix

FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0x"]


def batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "key": pa.array(["a,b", None, 'say "🙂"\n']),
            "labels": pa.array([["=x"], [], ["é", ""]]),
            "scores": pa.array([[0.1], [], [1e-7, 0.25]], pa.list_(pa.float32())),
            "value": pa.array([0.1, float("nan"), -2.0], pa.float32()),
        }
    )


def write(path: Path, rows: pa.RecordBatch, *, raw_csv: bool = False) -> Path:
    with opened(path, rows.schema, cells=CsvCells(raw=raw_csv)) as write_batch:
        write_batch(rows)
        write_batch(rows.slice(1, 1))
    return path


def text_of(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def test_parquet_keeps_types_and_values(tmp_path: Path) -> None:
    got = pyarrow.parquet.read_table(write(tmp_path / "s.parquet", batch()))
    assert got.schema.equals(batch().schema)
    assert got.num_rows == 4
    assert got.column("labels").to_pylist() == [["=x"], [], ["é", ""], []]


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz"])
def test_jsonl_has_the_shortest_decimals_and_null_for_nan(tmp_path: Path, name: str) -> None:
    lines = text_of(write(tmp_path / name, batch())).splitlines()
    assert [json.loads(line)["value"] for line in lines] == [0.1, None, -2.0, None]
    assert json.loads(lines[2])["scores"] == [1e-7, 0.25]
    assert json.loads(lines[2])["key"] == 'say "🙂"\n'


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz"])
def test_csv_has_lists_as_json(tmp_path: Path, name: str) -> None:
    text = text_of(write(tmp_path / name, batch()))
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert rows[0] == {"key": "a,b", "labels": '["=x"]', "scores": "[0.1]", "value": "0.1"}
    assert json.loads(rows[2]["labels"]) == ["é", ""]
    assert rows[2]["key"] == 'say "🙂"\n'
    assert float(rows[2]["value"]) == -2.0


@pytest.mark.parametrize("raw_csv", [False, True])
def test_cells_that_a_spreadsheet_would_run_are_escaped(tmp_path: Path, raw_csv: bool) -> None:
    rows = pa.RecordBatch.from_pydict({"x": [*FORMULAS, "a=1", "'=x"], "n": [-1] * 10})
    path = tmp_path / "s.csv"
    with opened(path, rows.schema, cells=CsvCells(raw=raw_csv)) as write_batch:
        write_batch(rows)
    with path.open(newline="") as file:
        cells = list(csv.reader(file))[1:]
    prefix = "" if raw_csv else "'"
    assert [x for x, _ in cells] == [*(prefix + f for f in FORMULAS), "a=1", "'=x"]
    assert {n for _, n in cells} == {"-1"}


def test_a_column_name_that_is_a_formula_is_escaped_too(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    rows = pa.RecordBatch.from_pydict({"=cmd": ["a"]})
    with opened(path, rows.schema) as write_batch:
        write_batch(rows)
    assert path.read_text().splitlines()[0] == '"\'=cmd"'


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "s.jsonl", batch())
    before = path.read_bytes()
    with pytest.raises(KeyError), opened(path, batch().schema) as write_batch:
        write_batch(batch())
        raise KeyError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["s", "s.txt", "s.parquet.gz", "s.gz"])
def test_other_suffixes_are_refused(name: str) -> None:
    with pytest.raises(Failure) as failure:
        suffix(Path(name))
    assert failure.value.exit_code == Exit.USAGE


def test_any_float32_comes_back_from_jsonl(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 500, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    rows = pa.RecordBatch.from_pydict({"x": pa.array(values)})
    path = tmp_path / "s.jsonl"
    with opened(path, rows.schema) as write_batch:
        write_batch(rows)
    got = [json.loads(line)["x"] for line in path.read_text().splitlines()]
    np.testing.assert_array_equal(np.array(got, np.float32), values)
