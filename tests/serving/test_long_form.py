"""Wide and long form, as people's tools read them."""

from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from pipeline.failures import Exit, Failure
from serving import score


def run(folder: Path, name: str, *more: str) -> Path:
    pyarrow.parquet.write_table(small_rows(50), folder / "in.parquet")
    words = ["--model", str(exported() / "model" / "model.onnx"), "--input"]
    score.run([*words, str(folder / "in.parquet"), "--output", str(folder / name), *more])
    return folder / name


def expected(wide: Path) -> list[tuple[str, str, int, str | None, float]]:
    """Unnested by hand, from the wide file."""
    found = []
    for row in pyarrow.parquet.read_table(wide).to_pylist():
        for head in ("next", "tags"):
            pairs = zip(row[f"{head}.labels"], row[f"{head}.scores"], strict=True)
            found += [(row["key"], head, at, *pair) for at, pair in enumerate(pairs, 1)]
        for output in ("ends.score", "left.value", "many.value"):
            found.append((row["key"], output.partition(".")[0], 1, None, row[output]))
    return found


def test_the_long_form_is_the_wide_one_unnested(tmp_path: Path) -> None:
    wide, long = run(tmp_path, "wide.parquet"), run(tmp_path, "long.parquet", "--long")
    table = pyarrow.parquet.read_table(long)
    assert [str(kind) for kind in table.schema.types] == [
        *("string", "string", "int32", "string", "float")
    ]
    assert list(zip(*table.to_pydict().values(), strict=True)) == expected(wide)


def test_duckdb_reads_both_forms(tmp_path: Path) -> None:
    wide, long = run(tmp_path, "wide.parquet"), run(tmp_path, "long.parquet", "--long")
    unnested = duckdb.sql(
        f"""select key, unnest("next.labels") as label, unnest("next.scores") as score
            from '{wide}' order by key, score desc, label"""
    ).fetchall()
    selected = duckdb.sql(
        f"""select key, label, score from '{long}' where head = 'next'
            order by key, score desc, label"""
    ).fetchall()
    assert unnested == selected
    assert len(selected) == 50 * 3
    assert {len(row) for row in duckdb.sql(f"select \"next.labels\" from '{wide}'").fetchall()} == {
        1
    }


def test_polars_reads_both_forms(tmp_path: Path) -> None:
    wide = polars.read_parquet(run(tmp_path, "wide.parquet"))
    assert wide.schema["next.labels"] == polars.List(polars.String)
    assert wide.schema["next.scores"] == polars.List(polars.Float32)
    long = polars.read_parquet(run(tmp_path, "long.parquet", "--long"))
    best = long.filter((polars.col("head") == "next") & (polars.col("rank") == 1))
    assert best["label"].to_list() == wide["next.labels"].list.first().to_list()
    assert best["key"].to_list() == wide["key"].to_list()


def test_labels_only_have_no_scores_in_either_form(tmp_path: Path) -> None:
    wide = pyarrow.parquet.read_table(run(tmp_path, "wide.parquet", "--labels-only"))
    whole = pyarrow.parquet.read_table(run(tmp_path, "whole.parquet"))
    assert wide.equals(whole.drop_columns(["next.scores", "tags.scores"]))
    long = pyarrow.parquet.read_table(run(tmp_path, "long.parquet", "--labels-only", "--long"))
    has_score = [row["score"] is not None for row in long.to_pylist()]
    assert has_score == [row["label"] is None for row in long.to_pylist()]


def test_every_format_takes_the_long_form(tmp_path: Path) -> None:
    lines = run(tmp_path, "s.csv", "--long", "--heads", "left").read_text().splitlines()
    assert lines[0] == '"key","head","rank","label","score"'
    assert lines[1].startswith('"row 0","left","1",')
    assert len(lines) == 51


def test_a_kept_column_must_not_be_called_as_one_of_the_long_form(tmp_path: Path) -> None:
    rows = small_rows(5).append_column("rank", pa.array(range(5)))
    pyarrow.parquet.write_table(rows, tmp_path / "r.parquet")
    words = ["--model", str(exported() / "model" / "model.onnx"), "--long", "--keep", "rank"]
    words += ["--input", str(tmp_path / "r.parquet"), "--output", str(tmp_path / "s.csv")]
    with pytest.raises(Failure, match="rank") as failure:
        score.run(words)
    assert failure.value.exit_code == Exit.USAGE
