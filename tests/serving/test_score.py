"""The score command: each row that fits once, in order; the others told; files whole or absent."""

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from pipeline.failures import Exit, Failure
from pipeline.sides import SIDES, by_hash
from serving import score


def run(output: Path, *files: Path, more: tuple[str, ...] = ()) -> None:
    model = exported() / "model" / "model.onnx"
    inputs = [str(file) for file in files]
    score.run(["--model", str(model), "--input", *inputs, "--output", str(output), *more])


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def as_parquet(path: Path, rows: pa.Table) -> Path:
    pyarrow.parquet.write_table(rows, path, row_group_size=70)
    return path


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def plain(rows: pa.Table) -> list[dict[str, Any]]:
    """Without NaN, which JSON does not have."""
    return [{k: None if v != v else v for k, v in row.items()} for row in rows.to_pylist()]


def as_csv(path: Path, rows: pa.Table) -> Path:
    joined = pc.binary_join(
        pa.array([[v or "" for v in r or []] for r in rows.column("previous").to_pylist()]), "\x1f"
    )
    shown = rows.select(["key", "word", "age", "size", "place"]).append_column("previous", joined)
    pyarrow.csv.write_csv(shown, path)
    return path


def test_one_row_out_for_each_row_in_and_in_order(tmp_path: Path) -> None:
    files = [as_parquet(tmp_path / f"{n}.parquet", small_rows(150, seed=n)) for n in (1, 2)]
    run(tmp_path / "s.parquet", *files)
    got = pyarrow.parquet.read_table(tmp_path / "s.parquet")
    assert got.column("key").to_pylist() == [f"row {i}" for i in range(150)] * 2


def test_the_same_rows_score_the_same_from_every_format(tmp_path: Path) -> None:
    rows = small_rows(40)
    run(tmp_path / "p.jsonl", as_parquet(tmp_path / "in.parquet", rows))
    run(tmp_path / "j.jsonl", as_jsonl(tmp_path / "in.jsonl", plain(rows)))
    assert jsonl(tmp_path / "p.jsonl") == jsonl(tmp_path / "j.jsonl")


def test_a_key_that_rows_lack_is_missing_in_company_and_alone(tmp_path: Path) -> None:
    """Be it lacking in some rows, in the first 10,000 or in all."""
    whole = plain(small_rows(12))
    lacking = [{key: cell for key, cell in row.items() if key != "age"} for row in whole]
    run(tmp_path / "n.jsonl", as_jsonl(tmp_path / "null.jsonl", [r | {"age": None} for r in whole]))
    expected = jsonl(tmp_path / "n.jsonl")
    for rows in (lacking, lacking[:1], [*lacking, *whole], [*lacking * 900, *whole]):
        run(tmp_path / "s.jsonl", as_jsonl(tmp_path / "in.jsonl", rows), more=("--force",))
        count = min(len(rows), len(lacking))
        assert jsonl(tmp_path / "s.jsonl")[:count] == expected[:count]


def test_a_key_that_differs_in_case_only_is_a_mistake(tmp_path: Path) -> None:
    rows = [{"Age": row.pop("age"), **row} for row in plain(small_rows(3))]
    with pytest.raises(Failure, match=r"missing: \['age'\]") as failure:
        run(tmp_path / "s.jsonl", as_jsonl(tmp_path / "in.jsonl", rows))
    assert failure.value.exit_code == Exit.USAGE


def test_csv_options_reach_the_reader_and_the_rows_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = small_rows(30)
    path = as_csv(tmp_path / "in.csv", words)
    lines = path.read_text().splitlines()
    at = lines[0].replace('"', "").split(",").index("word")
    cells = lines[5].split(",")
    cells[at] = r'"17\""'
    path.write_text("\n".join([*lines[:5], ",".join(cells), *lines[6:]]))
    run(tmp_path / "s.jsonl", path)
    assert "29 rows scored, 1 rejected" in capsys.readouterr().out
    (rejected,) = jsonl(tmp_path / "s.jsonl.rejected.jsonl")
    assert (rejected["row"], rejected["reason"]) == (5, "backslash_quote")
    run(tmp_path / "s.jsonl", path, more=("--csv-escape", "--delimiter", ",", "--force"))
    assert "30 rows scored, 0 rejected" in capsys.readouterr().out


def test_csv_rows_score_as_their_parquet_rows_do(tmp_path: Path) -> None:
    words = small_rows(60)
    # One element or none: any separator reads such a list the same way from text.
    short = [[r[0]] if r and r[0] else [] for r in words.column("previous").to_pylist()]
    rows = words.set_column(2, "previous", pa.array(short, pa.list_(pa.string())))
    run(tmp_path / "p.jsonl", as_parquet(tmp_path / "in.parquet", rows))
    run(tmp_path / "c.jsonl", as_csv(tmp_path / "in.csv", rows))
    assert jsonl(tmp_path / "p.jsonl") == jsonl(tmp_path / "c.jsonl")


def test_rows_that_do_not_fit_are_set_aside_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = plain(small_rows(10))
    rows[3] |= {"place": None}
    rows[7] |= {"age": "old"}
    run(tmp_path / "s.jsonl", as_jsonl(tmp_path / "in.jsonl", rows))
    kept = [row["key"] for row in jsonl(tmp_path / "s.jsonl")]
    assert kept == [f"row {i}" for i in range(10) if i not in (3, 7)]
    rejected = jsonl(tmp_path / "s.jsonl.rejected.jsonl")
    assert [(r["row"], r["column"], r["reason"], r["text"]) for r in rejected] == [
        (4, "place", "missing", ""),
        (8, "age", "not_a_number", "old"),
    ]
    assert capsys.readouterr().out.startswith("8 rows scored, 2 rejected, ")


def test_kept_columns_keep_their_type(tmp_path: Path) -> None:
    rows = small_rows(5).append_column("when", pa.array([1] * 5, pa.timestamp("us", "UTC")))
    run(tmp_path / "s.parquet", as_parquet(tmp_path / "in.parquet", rows), more=("--keep", "when"))
    schema = pyarrow.parquet.read_schema(tmp_path / "s.parquet")
    assert schema.names[:3] == ["key", "when", "next.labels"]
    assert schema.field("when").type == pa.timestamp("us", "UTC")


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_kept_lists_of_jsonl_are_written_though_the_first_rows_lack_them(
    tmp_path: Path, suffix: str
) -> None:
    rows = plain(small_rows(3))
    values = ["a", 'b"', None]
    without = as_jsonl(tmp_path / "1.jsonl", rows)
    there = as_jsonl(tmp_path / "2.jsonl", [{**row, "colours": values} for row in rows])
    after = as_jsonl(tmp_path / "3.jsonl", rows)

    def kept(*files: Path) -> list[Any]:
        run(tmp_path / f"s.{suffix}", *files, more=("--keep", "colours", "--force"))
        return [row["colours"] or None for row in table(tmp_path / f"s.{suffix}")]

    as_a_list = kept(there)
    assert (
        as_a_list == [json.dumps(values, separators=(",", ":")) if suffix == "csv" else values] * 3
    )
    assert kept(there, after) == [*as_a_list, None, None, None]
    # The first rows say that it is a column of texts.
    assert kept(without, there) == [None] * 3 + [json.dumps(values)] * 3


def table(path: Path) -> list[dict[str, Any]]:
    readers = {".parquet": pyarrow.parquet.read_table, ".csv": pyarrow.csv.read_csv}
    return readers[path.suffix](path).to_pylist() if path.suffix in readers else jsonl(path)


def test_uuids_are_carried_as_their_text(tmp_path: Path) -> None:
    column = pa.array([uuid.UUID(int=at).bytes for at in range(5)], pa.binary(16))
    ids = pa.ExtensionArray.from_storage(pa.uuid(), column)
    rows = small_rows(5).append_column("id", ids)
    for count in (5, 0):
        files = as_parquet(tmp_path / f"{count}.parquet", rows.slice(0, count))
        run(tmp_path / f"{count}.csv", files, more=("--keep", "id"))
        run(tmp_path / f"s{count}.parquet", files, more=("--keep", "id"))
        found = pyarrow.parquet.read_table(tmp_path / f"s{count}.parquet").column("id")
        assert found.type == pa.string()
        assert found.to_pylist() == [str(uuid.UUID(int=at)) for at in range(count)]
    lines = (tmp_path / "5.csv").read_text().splitlines()
    assert f'"{uuid.UUID(int=4)}"' in lines[-1].split(",")


def test_top_k_and_heads(tmp_path: Path) -> None:
    rows = as_parquet(tmp_path / "in.parquet", small_rows(5))
    run(tmp_path / "s.jsonl", rows, more=("--top-k", "1", "--heads", "next"))
    assert [list(row) for row in jsonl(tmp_path / "s.jsonl")] == [
        ["key", "next.labels", "next.scores"]
    ] * 5
    assert {len(row["next.labels"]) for row in jsonl(tmp_path / "s.jsonl")} == {1}


def failure_of(output: Path, *files: Path, more: tuple[str, ...] = ()) -> tuple[Exit, str]:
    with pytest.raises(Failure) as failure:
        run(output, *files, more=more)
    return failure.value.exit_code, str(failure.value)


def test_missing_columns_are_usage_and_named(tmp_path: Path) -> None:
    rows = as_parquet(tmp_path / "in.parquet", small_rows(5).drop_columns(["age", "word"]))
    code, message = failure_of(tmp_path / "s.jsonl", rows)
    assert code == Exit.USAGE
    assert "age" in message
    assert "word" in message
    assert not (tmp_path / "s.jsonl").exists()


def test_an_output_that_exists_is_replaced_by_force_only(tmp_path: Path) -> None:
    rows = as_parquet(tmp_path / "in.parquet", small_rows(5))
    output = tmp_path / "s.jsonl"
    output.write_text("mine")
    assert failure_of(output, rows)[0] == Exit.OCCUPIED
    assert output.read_text() == "mine"
    run(output, rows, more=("--force",))
    assert len(jsonl(output)) == 5


def test_rejects_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    bad = plain(small_rows(3))
    bad[0]["place"] = None
    run(tmp_path / "s.jsonl", as_jsonl(tmp_path / "bad.jsonl", bad))
    assert (tmp_path / "s.jsonl.rejected.jsonl").exists()
    good = as_parquet(tmp_path / "in.parquet", small_rows(3))
    run(tmp_path / "s.jsonl", good, more=("--force",))
    assert not (tmp_path / "s.jsonl.rejected.jsonl").exists()


def test_no_row_that_fits_publishes_nothing_but_the_rejects(tmp_path: Path) -> None:
    rows = [dict(row, place="x") for row in plain(small_rows(3))]
    code, message = failure_of(tmp_path / "s.jsonl", as_jsonl(tmp_path / "in.jsonl", rows))
    assert (code, "3 not_a_number in column 'place'" in message) == (Exit.BAD_ROWS, True)
    assert not (tmp_path / "s.jsonl").exists()
    assert len(jsonl(tmp_path / "s.jsonl.rejected.jsonl")) == 3


def test_cells_that_csv_output_escapes_are_counted_in_the_last_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        dict(row, key=key)
        for row, key in zip(plain(small_rows(3)), ["+57", "-2", "a"], strict=True)
    ]
    files = [as_jsonl(tmp_path / "in.jsonl", rows)]
    run(tmp_path / "s.csv", *files)
    line = capsys.readouterr().out
    assert "; ' before 2 cells of key that a spreadsheet would run: --raw-csv leaves them" in line
    assert "'+57" in (tmp_path / "s.csv").read_text()
    for name, more in (("r.csv", ("--raw-csv",)), ("s.jsonl", ())):
        run(tmp_path / name, *files, more=more)
        assert "--raw-csv" not in capsys.readouterr().out
    assert "'+57" not in (tmp_path / "r.csv").read_text()


def sides_of_keys(keys: list[str]) -> list[str]:
    """As prepare splits them: the small model's split is by the hash of its key."""
    return [SIDES[side] for side in by_hash([pa.array(keys)], 0.1, 0.1)]


@pytest.mark.parametrize("form", [as_parquet, as_csv, lambda p, rows: as_jsonl(p, plain(rows))])
def test_the_rows_of_a_side_are_those_that_prepare_put_there(
    tmp_path: Path, form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # Numbers in Parquet and JSONL, texts in CSV: a key has one text everywhere.
    rows = small_rows(300).set_column(0, "key", pa.array(range(300)))
    suffix = {as_parquet: "parquet", as_csv: "csv"}.get(form, "jsonl")
    file = form(tmp_path / f"in.{suffix}", rows)
    expected = sides_of_keys([str(key) for key in range(300)])
    run(tmp_path / "all.jsonl", file, more=("--with-side",))
    scored = jsonl(tmp_path / "all.jsonl")
    assert [row["side"] for row in scored] == expected
    assert list(scored[0])[:3] == ["key", "side", "next.labels"]
    capsys.readouterr()
    run(tmp_path / "s.jsonl", file, more=("--side", "test", "eval"))
    held_out = jsonl(tmp_path / "s.jsonl")
    assert held_out == [
        {name: value for name, value in row.items() if name != "side"}
        for row in scored
        if row["side"] != "train"
    ]
    left_out = expected.count("train")
    line = f"{300 - left_out:,} rows scored, 0 rejected, {left_out:,} of other sides, "
    assert capsys.readouterr().out.startswith(line)


def test_rows_of_a_side_are_evaluated_and_numbered_as_they_are_in_the_file(tmp_path: Path) -> None:
    rows = plain(small_rows(200))
    sides = sides_of_keys([row["key"] for row in rows])
    rows[sides.index("test")]["place"] = None
    rows[sides.index("train")]["place"] = None
    file = as_jsonl(tmp_path / "in.jsonl", rows)
    run(tmp_path / "s.jsonl", file, more=("--side", "test", "--evaluate"))
    rejected = jsonl(tmp_path / "s.jsonl.rejected.jsonl")
    assert [one["row"] for one in rejected] == [sides.index("test") + 1]
    found = json.loads((tmp_path / "s.jsonl.metrics.json").read_text())
    assert found["next"]["targets"] == sides.count("test") - 1


def test_a_side_without_rows_is_an_empty_output(tmp_path: Path) -> None:
    rows = [row for row in plain(small_rows(60)) if sides_of_keys([row["key"]]) == ["train"]]
    run(tmp_path / "s.csv", as_jsonl(tmp_path / "in.jsonl", rows), more=("--side", "test"))
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1


def test_a_column_called_as_the_side_is_not_written_twice(tmp_path: Path) -> None:
    rows = small_rows(5).append_column("side", pa.array(["left"] * 5))
    more = ("--keep", "side", "--with-side")
    code, _ = failure_of(tmp_path / "s.csv", as_parquet(tmp_path / "in.parquet", rows), more=more)
    assert code == Exit.USAGE


def empty_days(folder: Path) -> dict[str, Path]:
    """Files without rows: a header, a schema, or nothing at all."""
    rows = small_rows(3)
    header, nothing, lines = (folder / f"empty{suffix}" for suffix in (".csv", ".tsv", ".jsonl"))
    as_csv(header, rows)
    header.write_text(header.read_text().splitlines()[0] + "\n")
    nothing.write_text("")
    lines.write_text("")
    return {
        "header": header,
        "nothing": nothing,
        "lines": lines,
        "schema": as_parquet(folder / "empty.parquet", rows.slice(0, 0)),
    }


@pytest.mark.parametrize("which", ["header", "nothing", "lines", "schema"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow", ".jsonl"])
def test_an_empty_day_gives_an_output_with_a_header_and_no_rows(
    tmp_path: Path, which: str, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / f"s{suffix}"
    run(output, empty_days(tmp_path)[which], more=("--drift",))
    assert capsys.readouterr().out.startswith("0 rows scored, 0 rejected, ")
    if suffix == ".parquet":
        assert pyarrow.parquet.read_table(output).num_rows == 0
        assert pyarrow.parquet.read_schema(output).names[:2] == ["key", "next.labels"]
    if suffix == ".csv":
        assert output.read_text().startswith('"key","next.labels","next.scores"')


def test_an_empty_day_has_no_targets(tmp_path: Path) -> None:
    days = empty_days(tmp_path)
    for which in ("schema", "lines"):
        run(tmp_path / f"{which}.jsonl", days[which], more=("--evaluate", "--long"))
        found = json.loads((tmp_path / f"{which}.jsonl.metrics.json").read_text())
        assert found["next"] == {"targets": 0}
    rows = as_parquet(tmp_path / "in.parquet", small_rows(5))
    run(tmp_path / "both.jsonl", days["lines"], rows, more=("--evaluate",))
    assert len(jsonl(tmp_path / "both.jsonl")) == 5


@pytest.mark.parametrize("count", ["0", "-1", "two", "1" * 5000, "2147483648"])
def test_a_wrong_count_on_the_command_line_is_one_message(
    count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(tmp_path / "s.csv", tmp_path / "in.csv", more=(f"--top-k={count}",))
    said = capsys.readouterr().err.splitlines()[-1]
    assert "must be a whole number from 1 to 2,147,483,647. Received: " in said
    assert len(said) < 200


@pytest.mark.parametrize(
    ("output", "more"),
    [
        ("s.xlsx", ()),
        ("none/s.jsonl", ()),
        ("in.parquet", ("--force",)),
        ("s.jsonl", ("--heads", "unknown")),
        ("s.jsonl", ("--keep", "unknown")),
    ],
)
def test_wrong_usage_is_told_before_any_work(
    tmp_path: Path, output: str, more: tuple[str, ...]
) -> None:
    rows = as_parquet(tmp_path / "in.parquet", small_rows(3))
    before = rows.read_bytes()
    assert failure_of(tmp_path / output, rows, more=more)[0] == Exit.USAGE
    assert rows.read_bytes() == before


def test_scoring_imports_nothing_heavy() -> None:
    heavy = ("tensorflow", "keras", "apache_beam", "tensorflow_transform", "pydantic", "onnx")
    code = f"import sys, serving.score; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_input_that_goes_away_during_the_run_ends_it_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [as_parquet(tmp_path / f"{n}.parquet", small_rows(20, seed=n)) for n in (1, 2)]
    # Counted last before the first row is read.
    monkeypatch.setattr(score, "rows_about", lambda _: files[1].unlink())
    with pytest.raises(Failure, match=r"no .*2\.parquet any more") as gone:
        run(tmp_path / "s.csv", *files)
    assert gone.value.exit_code == Exit.ENVIRONMENT
    assert not (tmp_path / "s.csv").exists()
