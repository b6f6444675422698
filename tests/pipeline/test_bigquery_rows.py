"""Rows of BigQuery, as far as it goes without the service: the graph, and rows as it gives them."""

import datetime
import importlib.util
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from kinds.columns import Field, cast
from pipeline import prepare, rows
from pipeline.failures import Exit, Failure
from pipeline.fields import fields_of
from pipeline.preparing import beam_graph
from pipeline.preparing.learning import Kept
from pipeline.preparing.publishing import Result
from pipeline.rows import bigquery
from pipeline.spec.file import parse_spec

TABLE = "bigquery://project.dataset.table"
QUERY = "bigquery://SELECT word, y FROM `project.dataset.table` WHERE y > 0"
SPEC = """
name: tables
vocabularies: {words: {}}
inputs: {word: {kind: category, vocabulary: words}, x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""


def _sources(
    path: str, split: str = "by: hash, columns: [word], eval: 0, test: 0"
) -> list[beam.io.ReadFromBigQuery]:
    """The sources of BigQuery in the graph of prepare."""
    found = []

    class Visitor(beam.pipeline.PipelineVisitor):
        def enter_composite_transform(self, node: Any) -> None:
            if isinstance(node.transform, beam.io.ReadFromBigQuery):
                found.append(node.transform)

    spec = parse_spec(SPEC.replace("by: hash, columns: [word], eval: 0, test: 0", split))
    pipeline = beam.Pipeline()
    paths = ["gs://bucket/a.csv", *rows.expand([path])]
    result = Result(spec, fields_of(spec), paths, "out", "work", 1, 0.01, "made from")
    beam_graph.build(pipeline, result, Kept(), None)
    pipeline.visit(Visitor())
    return found


def test_the_graph_reads_a_table_for_the_columns_of_the_spec() -> None:
    sources = _sources(TABLE)
    assert len(sources) == 2  # to learn, and to write
    for source in sources:
        assert source.method == "DIRECT_READ"
        assert source._kwargs == {
            "table": "project.dataset.table",
            "selected_fields": ["word", "x", "y"],
        }


def test_a_split_that_needs_all_rows_reads_a_table_for_the_same_columns_once_more() -> None:
    # The same columns, as a row's number is a hash of what was read of it.
    by_last = _sources(TABLE, "by: last, columns: [word], order: at")
    assert [one._kwargs["selected_fields"] for one in by_last] == [["word", "x", "y", "at"]] * 3
    assert len(_sources(TABLE, "by: time, column: at")) == 3
    assert len(_sources(TABLE, "by: time, column: at, eval: 2023, test: 2024")) == 2


def test_the_graph_asks_a_query_in_standard_sql() -> None:
    for source in _sources(QUERY):
        assert source._kwargs == {
            "query": "SELECT word, y FROM `project.dataset.table` WHERE y > 0",
            "use_standard_sql": True,
        }


@pytest.mark.parametrize("name", ["table", "dataset.table", "project..b", "p.d.t", ""])
def test_a_table_has_a_whole_name(name: str) -> None:
    with pytest.raises(Failure, match=r"bigquery://project\.dataset\.table") as failure:
        bigquery.source(f"bigquery://{name}", ["a"])
    assert failure.value.exit_code == Exit.USAGE


def test_without_googles_libraries_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(importlib.util, "find_spec", lacking)
    with pytest.raises(Failure, match=r"\[gcp\]") as failure:
        bigquery.source(TABLE, ["a"])
    assert failure.value.exit_code == Exit.ENVIRONMENT


def test_without_credentials_there_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file")
    with pytest.raises(Failure, match="BigQuery needs credentials") as failure:
        bigquery.check_credentials()
    assert failure.value.exit_code == Exit.ENVIRONMENT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("00123", "00123"),
        (5, "5"),
        (2**63 - 1, "9223372036854775807"),
        (0.1, "0.1"),
        (5.0, "5"),
        (Decimal("1.10"), "1.10"),
        (True, "true"),
        (datetime.date(2020, 1, 2), "2020-01-02"),
        (b"x", "x"),
        (None, None),
    ],
)
def test_every_column_is_cast_as_text(value: Any, text: str | None) -> None:
    other = {str: "7", Decimal: Decimal("1.1")}.get(type(value), value)
    batch = bigquery.raw_batch(TABLE, [{"a": value}, {"a": other}], ["a"])
    typed, _, rejected = cast(batch.rows, [Field("a", "text")])
    assert (typed["a"].to_pylist()[0], rejected) == (text, [])


def test_a_row_has_the_same_number_in_every_order() -> None:
    found = [{"a": at, "b": [f"w{at}"]} for at in range(50)]
    one = bigquery.raw_batch(TABLE, found, ["a", "b"]).numbers().tolist()
    other = bigquery.raw_batch(TABLE, found[::-1], ["a", "b"]).numbers().tolist()
    assert one == other[::-1]
    assert len(set(one)) == 50
    assert max(one) < 2**40


def test_every_row_of_a_run_is_in_one_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service's place is taken by rows as it gives them; beside it there is a file."""
    found: list[dict[str, Any]] = [
        {"word": f"{at % 9:03d}", "x": at / 4, "y": at % 2 == 0, "more": None} for at in range(400)
    ]
    found[7]["x"] = float("inf")
    monkeypatch.setattr(bigquery, "source", lambda path, columns: beam.Create(found))
    monkeypatch.setattr(bigquery, "check_credentials", lambda: None)
    (tmp_path / "spec.yaml").write_text(SPEC)
    csv = tmp_path / "a.csv"
    csv.write_text("word,x,y\n" + "007,1,yes\n" * 100)
    arguments = ["--spec", str(tmp_path / "spec.yaml"), "--output", str(tmp_path / "data")]
    prepare.run([*arguments, "--input", QUERY, str(csv), "--cache", str(tmp_path / "cache")])
    told = capsys.readouterr().err
    assert f"{QUERY}: 400 read = 399 written + 1 rejected" in told
    assert f"{csv}: 100 read = 100 written" in told
    (rejected,) = (tmp_path / "data" / "rejected").iterdir()
    said = json.loads(rejected.read_text())
    assert (said["file"], said["column"], said["reason"]) == (QUERY, "x", "not_finite")
    words = (tmp_path / "data" / "vocabulary" / "words.jsonl").read_text().splitlines()
    assert words[0] == '["007", 143]'  # 44 of the table, of which one is bad, and 100


def test_a_column_that_a_query_lacks_is_named() -> None:
    with pytest.raises(Failure, match=r"missing: \['b'\]") as failure:
        bigquery.raw_batch(QUERY, [{"a": 1}], ["a", "b"])
    assert failure.value.exit_code == Exit.USAGE
