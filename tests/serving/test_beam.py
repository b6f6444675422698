"""The Beam pipeline gives each row the result that serving.score gives it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from kinds.columns import cast
from pipeline.failures import Exit, Failure
from serving import beam, score

OPTIONS = ["--top-k", "2", "--explain", "2", "--answer", "next=maybe"]


def sources(folder: Path) -> list[Path]:
    """Three files, each with a row that does not fit."""
    paths = []
    for seed in range(3):
        rows = small_rows(40, seed=seed).to_pylist()
        rows[seed + 5]["place"] = None
        for row in rows:
            row["key"] = f"{seed}/{row['key']}"
        paths.append(folder / f"rows{seed}.parquet")
        table = pa.Table.from_pylist(rows, small_rows(1).schema)
        pyarrow.parquet.write_table(table, paths[-1])
    return paths


def by_key(table: pa.Table) -> pa.Table:
    return table.sort_by("key").combine_chunks()


def same_from_both(folder: Path, *engine: str) -> None:
    model = ["--model", str(exported() / "model" / "model.onnx")]
    words = [*model, "--input", *map(str, sources(folder)), "--output"]
    score.run([*words, str(folder / "local.parquet"), *OPTIONS])
    (folder / "out").mkdir()
    beam.run([*words, str(folder / "out" / "s"), *OPTIONS, "--shards", "2", *engine])
    shards = sorted((folder / "out").glob("s-*.parquet"))
    assert len(shards) == 2
    got = by_key(pa.concat_tables([pyarrow.parquet.read_table(shard) for shard in shards]))
    expected = by_key(pyarrow.parquet.read_table(folder / "local.parquet"))
    assert got.num_rows == 3 * 39
    assert got.equals(expected)
    lines = [p.read_text().splitlines() for p in (folder / "out").glob("s.rejected-*.jsonl")]
    told = (folder / "local.parquet.rejected.jsonl").read_text().splitlines()
    assert sorted(json.loads(x)["row"] for part in lines for x in part) == [6, 7, 8]
    assert sorted(x for part in lines for x in part) == sorted(told)


def test_in_memory_as_the_local_scorer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    same_from_both(tmp_path)
    said = capfd.readouterr()
    assert f"117 rows scored, 3 rejected: {tmp_path / 'out' / 's'}" in said.out
    assert "WARNING" not in said.err


def test_labels_are_left_out_as_by_the_local_scorer(tmp_path: Path) -> None:
    rows = small_rows(40).append_column("never", pa.array([["yes", "gone"], ["no"]] * 20))
    pyarrow.parquet.write_table(rows, tmp_path / "rows.parquet")
    (tmp_path / "some.txt").write_text("red\nblue\n")
    words = ["--model", str(exported() / "model" / "model.onnx")]
    words += ["--exclude", "next=never", "--only", f"tags={tmp_path / 'some.txt'}"]
    words += ["--input", str(tmp_path / "rows.parquet"), "--output"]
    score.run([*words, str(tmp_path / "local.parquet")])
    beam.run([*words, str(tmp_path / "out"), "--shards", "1"])
    got = by_key(pyarrow.parquet.read_table(next(tmp_path.glob("out-*.parquet"))))
    assert got.equals(by_key(pyarrow.parquet.read_table(tmp_path / "local.parquet")))
    assert "green" not in got.column("tags.labels").combine_chunks().flatten().to_pylist()


def test_csv_options_reach_the_workers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "key;word;previous;age;size;place\n" + r'k;"c\"at";the;1;2;3' + "\n" + "l;cat;;1;2;3"
    )
    model = ["--model", str(exported() / "model" / "model.onnx"), "--input", str(path)]
    options = ["--csv-escape", "--delimiter", ";"]
    score.run([*model, "--output", str(tmp_path / "local.parquet"), *options])
    beam.run([*model, "--output", str(tmp_path / "out"), "--shards", "1", *options])
    got = by_key(pyarrow.parquet.read_table(next(tmp_path.glob("out-*.parquet"))))
    assert got.num_rows == 2
    assert got.equals(by_key(pyarrow.parquet.read_table(tmp_path / "local.parquet")))


def test_in_several_processes_as_the_local_scorer(tmp_path: Path) -> None:
    same_from_both(tmp_path, "--direct_running_mode=multi_processing", "--direct_num_workers=2")


def test_on_the_portable_engine_as_the_local_scorer(tmp_path: Path) -> None:
    same_from_both(
        tmp_path, "--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"
    )


def test_rows_are_counted_and_columns_of_another_type_named_as_by_the_local_scorer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = small_rows(40).to_pylist()
    rows[7]["place"] = None
    flags = [at % 2 == 0 for at in range(40)]
    table = pa.Table.from_pylist(rows, small_rows(1).schema)
    at = table.schema.get_field_index("word")
    table = table.set_column(at, "word", pa.array(flags))
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table, path)
    words = ["--model", str(exported() / "model" / "model.onnx"), "--input", str(path), "--output"]
    capsys.readouterr()
    score.run([*words, str(tmp_path / "local.parquet")])
    local = capsys.readouterr()
    beam.run([*words, str(tmp_path / "out"), "--shards", "1"])
    told = capsys.readouterr()
    assert "warning: OTHER_TYPE of word: it has flags in" in local.err
    assert [line for line in local.err.splitlines() if "warning" in line] == [
        line for line in told.err.splitlines() if "warning" in line
    ]
    assert told.out.splitlines()[-1].startswith("39 rows scored, 1 rejected: ")
    assert local.out.splitlines()[-1].startswith("39 rows scored, 1 rejected, ")


def test_rows_of_which_none_fits_are_a_failure(tmp_path: Path) -> None:
    rows = [row | {"place": None} for row in small_rows(3).to_pylist()]
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows, small_rows(1).schema), path)
    words = ["--model", str(exported() / "model" / "model.onnx"), "--input", str(path)]
    with pytest.raises(Failure, match="no row could be scored") as failure:
        beam.run([*words, "--output", str(tmp_path / "out")])
    assert failure.value.exit_code == Exit.BAD_ROWS


def test_an_empty_day_gives_files_without_rows(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("key,word,age,size,place,previous\n")
    model = ["--model", str(exported() / "model" / "model.onnx")]
    beam.run(
        [*model, "--input", str(tmp_path / "empty.csv"), "--output", str(tmp_path / "out" / "s")]
    )
    shards = sorted((tmp_path / "out").glob("s-*.parquet"))
    assert shards
    for shard in shards:
        table = pyarrow.parquet.read_table(shard)
        assert (table.num_rows, table.column_names[:2]) == (0, ["key", "next.labels"])


def test_the_handler_gives_all_outputs_for_all_inputs() -> None:
    handler = beam.ScorerHandler(str(exported() / "model" / "model.onnx"))
    scorer = handler.load_model()
    (batch,) = small_rows(9).combine_chunks().to_batches()
    typed, _, _ = cast(batch, scorer.metadata.fields)
    (got,) = handler.run_inference([beam.TypedBatch(typed, batch.select(["key"]))], scorer)
    assert got.schema.names == ["key", *scorer.schema().names]
    expected = scorer.score(small_rows(9))
    np.testing.assert_array_equal(got.column("left.value"), expected.column("left.value"))
