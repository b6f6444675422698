"""Files in, a published folder out: exact counts, splits and rejected rows."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import tensorflow as tf

from pipeline import manifest, prepare, rows
from pipeline.console import row_progress
from pipeline.failures import Exit, Failure
from pipeline.preparing.records import in_order

SPEC = """
name: tiny
keys: [row]
vocabularies: {words: {size: 10}}
inputs:
  word: {kind: category, vocabulary: words, embedding: 2}
  age: {kind: number}
heads:
  next: {kind: classification, vocabulary: words}
split: {by: column, column: side, eval: [e], test: [t]}
"""
SMALL = """
name: small
inputs: {x: {kind: number}}
heads: {y: {kind: regression}}
split: {by: hash, columns: [x], eval: 0, test: 0}
"""
BY_FILE = SMALL.replace(
    "by: hash, columns: [x], eval: 0, test: 0", 'by: file, eval: ["eval*"], test: ["test*"]'
)
CSV = (
    b"row,word,age,next,side,extra\n"
    b"1,the,1,cat,,e\n"
    b"2,cat,two,the,,e\n"
    b'3,the,3,"",t,e\n'
    b"4,the,5,cat\n"
    b"5,a\nb,,the,e,e\n".replace(b"a\nb", b'"a\nb"')
)
JSONL = b'{"row": 6, "word": "the", "age": 5, "next": "cat", "side": null}\nnot json\n'


def _run(folder: Path, spec: str, *more: str) -> None:
    (folder / "spec.yaml").write_text(spec)
    output = str(folder / "out" / "data")
    prepare.run(["--spec", str(folder / "spec.yaml"), "--output", output, *more])


def _inputs(folder: Path) -> list[str]:
    (folder / "a.csv").write_bytes(CSV)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(JSONL))
    table = pa.table(
        {"row": [7, 8], "word": ["new", None], "age": [2.5, None], "next": ["the"] * 2}
    )
    table = table.append_column("side", pa.array(["e", "t"]))
    pyarrow.parquet.write_table(table, folder / "c.parquet")
    return ["--input", str(folder / "a.csv"), str(folder / "[bc].*")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepare")
    _run(folder, SPEC, *_inputs(folder), "--max-bad-fraction", "0.5", "--shards", "2")
    return folder


def _statistics(folder: Path) -> Any:
    return json.loads((folder / "out" / "data" / "statistics.json").read_text())


def _examples(folder: Path, side: str) -> list[dict[str, Any]]:
    found = []
    for path in sorted((folder / "out" / "data" / "examples" / side).iterdir()):
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            found.append(
                {
                    name: list(value.int64_list.value or value.float_list.value)
                    for name, value in features.items()
                }
            )
    return found


def test_both_readings_of_the_rows_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text("x,y\n1,2\n3,4\n")
    arguments = ["--input", str(tmp_path / "train.csv"), "--set", "inputs.x.scale=log"]
    _run(tmp_path, SMALL, *arguments, "--print-config")
    assert json.loads(capsys.readouterr().out)["inputs"]["x"]["scale"] == "log"
    assert not (tmp_path / "out").exists()
    _run(tmp_path, SMALL, *arguments)
    said = capsys.readouterr().err
    assert "prepare, learn: 2 of 2 rows" in said and "prepare, write: 2 of 2 rows" in said
    kept = json.loads((tmp_path / "out" / "data" / "spec.json").read_text())
    assert kept["inputs"]["x"]["scale"] == "log"


def test_every_row_is_accounted_for(folder: Path) -> None:
    said = _statistics(folder)
    assert said["rows"] == {"read": 9, "rejected": 3, "train": 2, "eval": 2, "test": 2}
    assert said["files"] == {
        str(folder / "a.csv"): {"read": 5, "written": 3, "rejected": 2},
        str(folder / "b.jsonl.gz"): {"read": 2, "written": 1, "rejected": 1},
        str(folder / "c.parquet"): {"read": 2, "written": 2, "rejected": 0},
    }
    assert said["rejected_by_reason"] == {"invalid_json": 1, "not_a_number": 1, "ragged": 1}
    by_column = {"invalid_json": 1, "not_a_number in column 'age'": 1, "ragged": 1}
    assert said["rejected_by_column"] == by_column


def test_the_rejected_rows_are_kept_exactly(folder: Path) -> None:
    files = sorted((folder / "out" / "data" / "rejected").iterdir())
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted(lines, key=lambda line: (line["file"], line["row"])) == [
        {
            "file": str(folder / "a.csv"),
            "row": 2,
            "column": "age",
            "reason": "not_a_number",
            "text": "two",
        },
        {
            "file": str(folder / "a.csv"),
            "row": 4,
            "column": "",
            "reason": "ragged",
            "text": "4 cells, the header has 6: 4,the,5,cat",
        },
        {
            "file": str(folder / "b.jsonl.gz"),
            "row": 2,
            "column": "",
            "reason": "invalid_json",
            "text": "not json",
        },
    ]


def test_the_examples_of_each_side(folder: Path) -> None:
    # Training: "the" twice and "cat" twice; "cat" sorts first. Ids: cat 0, the 1, other 2, none 3.
    # Ages 1 and 5: mean 3, deviation 2.
    assert sorted(_examples(folder, "train"), key=lambda example: example["age"]) == [
        {"word": [1], "age": [-1.0], "age.missing": [0.0], "next": [0]},
        {"word": [1], "age": [1.0], "age.missing": [0.0], "next": [0]},
    ]
    assert sorted(_examples(folder, "eval"), key=lambda example: example["age"]) == [
        {"word": [2], "age": [-0.25], "age.missing": [0.0], "next": [1]},
        {"word": [2], "age": [0.0], "age.missing": [1.0], "next": [1]},
    ]
    assert sorted(_examples(folder, "test"), key=lambda example: example["word"]) == [
        {"word": [1], "age": [0.0], "age.missing": [0.0], "next": [2]},
        {"word": [3], "age": [0.0], "age.missing": [1.0], "next": [1]},
    ]


def test_the_features_of_an_example_stand_in_the_order_of_their_names(folder: Path) -> None:
    """So that the same rows make the same bytes, and equal examples are equal bytes."""
    files = sorted((folder / "out" / "data" / "examples").rglob("*.gz"))
    records = tf.data.TFRecordDataset([*map(str, files)], "GZIP").as_numpy_iterator()
    found = [*records]
    assert len(found) == 6
    for record in found:
        names = [*tf.train.Example.FromString(record).features.feature]
        assert in_order([record], names) == [record]


def test_the_vocabulary_and_the_numbers(folder: Path) -> None:
    lines = (folder / "out" / "data" / "vocabulary" / "words.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["cat", 2], ["the", 2]]
    said = _statistics(folder)
    assert said["vocabularies"] == {
        "words": {
            "entries": 2,
            "distinct": 2,
            "below_min_count": 0,
            "beyond_size": 0,
            "counts_low_by_at_most": 0,
        }
    }
    assert said["numbers"] == {"age": {"mean": 3.0, "std": 2.0, "missing": 0.0}}
    assert said["inputs"]["word"]["eval"] == {"values": 2, "out_of_vocabulary": 1.0, "missing": 0.0}
    assert said["inputs"]["word"]["test"] == {"values": 2, "out_of_vocabulary": 0.0, "missing": 0.5}


def test_the_labels_of_a_head_are_counted_by_themselves(folder: Path) -> None:
    """The input `word` has the same vocabulary, and "the" in both training rows."""
    lines = (folder / "out" / "data" / "labels" / "next.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["cat", 2], ["the", 0]]
    assert _statistics(folder)["labels"] == {
        "next": {"entries": 2, "never": 1, "once": 0, "times": 2}
    }
    warnings = {(one["anomaly"], one["of"]) for one in _statistics(folder)["warnings"]}
    assert ("ONE_CLASS", "next") in warnings and ("CONSTANT", "word") in warnings


COUNTED = """
name: counted
vocabularies: {words: {min_count: 2, counted: [next]}}
inputs:
  word: {kind: category, vocabulary: words, embedding: 2}
heads:
  next: {kind: classification, vocabulary: words}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""


def test_min_count_is_about_labels_where_they_alone_are_counted(tmp_path: Path) -> None:
    rows = "word,next\na,b\na,b\na,c\nc,d\nd,d\nc,e\n"
    _run(tmp_path, COUNTED, *_small(tmp_path, one=rows))
    lines = (tmp_path / "out" / "data" / "vocabulary" / "words.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["b", 2], ["d", 2]]
    lines = (tmp_path / "out" / "data" / "labels" / "next.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [["b", 2], ["d", 2]]
    _run(tmp_path, COUNTED.replace(", counted: [next]", ""), *_small(tmp_path, one=rows), "--force")
    assert _statistics(tmp_path)["labels"]["next"]["once"] == 1


def test_samples_are_typed_rows_of_the_test_side(folder: Path) -> None:
    table = pyarrow.parquet.read_table(folder / "out" / "data" / "samples.parquet")
    assert table.column_names == ["word", "age", "next", "row"]
    rows = sorted(table.to_pylist(), key=lambda row: row["row"])
    assert rows[0] == {"word": "the", "age": 3.0, "next": "", "row": "3"}
    assert rows[1]["word"] is None
    assert rows[1]["row"] == "8"


def test_the_manifest_lists_and_counts_it_all(folder: Path) -> None:
    said = manifest.verify(folder / "out" / "data", stage="data")
    assert said.facts["examples"] == {"train": 2, "eval": 2, "test": 2}
    there = [p for p in (folder / "out" / "data").rglob("*") if p.is_file()]
    assert len(said.files) == len(there) - 1
    assert {"spec.json", "statistics.json", "samples.parquet"} < set(said.files)
    assert sorted(p.name for p in (folder / "out").iterdir()) == [".data.lock", "data"]


def test_the_same_again_is_skipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "out" / "data" / "manifest.json").stat().st_mtime_ns
    inputs = ["--input", *(str(folder / name) for name in ("a.csv", "b.jsonl.gz", "c.parquet"))]
    _run(folder, SPEC, *inputs, "--max-bad-fraction", "0.5", "--shards", "2")
    assert "skipped" in capsys.readouterr().err
    assert (folder / "out" / "data" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(Failure) as failure:
        _run(folder, SPEC, *inputs, "--max-bad-fraction", "0.5", "--shards", "3")
    assert failure.value.exit_code == Exit.OCCUPIED


def _small(folder: Path, **files: str) -> list[str]:
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return ["--input", *(str(folder / f"{name}.csv") for name in files)]


def test_files_say_the_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = _small(tmp_path, one="x,y\n1,1\n2,2\n", eval_1="x,y\n3,\n", test_1="y,x\n4,4\n")
    _run(tmp_path, BY_FILE, *inputs, "--runner", "DirectRunner")
    said = _statistics(tmp_path)["rows"]
    assert said == {"read": 4, "rejected": 0, "train": 2, "eval": 1, "test": 1}
    assert "engine FnApiRunner" in capsys.readouterr().err


def test_too_many_bad_rows_publish_nothing_and_are_kept(tmp_path: Path) -> None:
    inputs = _small(tmp_path, one="x,y\n1,1\nbad,2\n,2\n", two="x,y\n1,inf\nno,2\n")
    said = r"3 of 5 rows, 2 of them not_a_number in column '\w+'; they are in .*data\.rejected"
    with pytest.raises(Failure, match=said) as failure:
        _run(tmp_path, SMALL, *inputs)
    assert failure.value.exit_code == Exit.BAD_ROWS
    kept = [p.read_text() for p in sorted((tmp_path / "out" / "data.rejected").iterdir())]
    assert [json.loads(line)["reason"] for line in "".join(kept).splitlines()] == [
        "not_a_number",
        "not_finite",
        "not_a_number",
    ]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".data.lock", "data.rejected"]


@pytest.mark.parametrize(
    ("files", "exit_code", "message"),
    [
        ({"one": "x,y\n"}, Exit.BAD_ROWS, "must have rows"),
        ({"one": ""}, Exit.BAD_ROWS, "must have rows"),
        ({"one": "x,y\n1,1\n", "two": "x\n"}, Exit.USAGE, r"missing: \['y'\]"),
        ({"one": "x,y\na,1\n2,inf\n"}, Exit.BAD_ROWS, "2 of 2 rows, 1 of them"),
    ],
)
def test_no_rows_to_train_on(
    tmp_path: Path, files: dict[str, str], exit_code: Exit, message: str
) -> None:
    with pytest.raises(Failure, match=message) as failure:
        _run(tmp_path, SMALL, *_small(tmp_path, **files))
    assert failure.value.exit_code == exit_code


def test_a_file_split_must_leave_rows_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="training side") as failure:
        _run(tmp_path, BY_FILE, *_small(tmp_path, eval_1="x,y\n1,1\n", test_1="x,y\n1,1\n"))
    assert failure.value.exit_code == Exit.BAD_ROWS


def test_a_pattern_of_the_split_that_no_file_matches(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"'test\*'; the files are .*eval_1\.csv") as failure:
        _run(tmp_path, BY_FILE, *_small(tmp_path, one="x,y\n1,1\n", eval_1="x,y\n1,1\n"))
    assert failure.value.exit_code == Exit.USAGE


DAYS = """
name: days
inputs: {x: {kind: number}}
heads: {y: {kind: regression}}
split: {by: column, column: SPLIT}
"""


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ('flag, eval: ["yes"]', "'yes'; it has 'false' (54), 'true' (6)"),
        ('day, eval: ["2024-01-13"]', "'2024-01-03' (6)"),
        ('flag, eval: ["True"], test: ["1"]', "split.test: each value must occur"),
        ('flag, eval: ["true"], test: ["TRUE"]', "eval and test must not name the same value"),
    ],
)
def test_a_value_of_the_split_that_no_row_has(tmp_path: Path, split: str, message: str) -> None:
    rows = range(60)
    days = pa.array([1_704_067_200 + i % 10 * 86_400 for i in rows], pa.timestamp("s"))
    flags = [i % 10 == 0 for i in rows]
    table = pa.table({"x": rows, "y": rows, "day": days, "flag": flags})
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(Failure, match=re.escape(message)) as failure:
        _run(tmp_path, DAYS.replace("SPLIT", split), "--input", str(tmp_path / "d.parquet"))
    assert failure.value.exit_code == Exit.USAGE
    assert not (tmp_path / "out" / "data").exists()


def test_an_empty_side_is_told(tmp_path: Path) -> None:
    by_hash = SMALL.replace("eval: 0", "eval: 0.1")
    _run(tmp_path, by_hash, *_small(tmp_path, one="x,y\n1,1\n3,4\n"))
    (warning,) = (w for w in _statistics(tmp_path)["warnings"] if w["anomaly"] == "EMPTY_SIDE")
    assert warning["of"] == "eval" and "none of 2" in warning["said"]


LABELS = ["NA", "null", "None", "N/A", "nan", "00123", "0", "-0.0", "1e5", "true", " x ", "", "é"]
AS_TEXT = """
name: text
vocabularies: {words: {}, labels: {}}
inputs: {word: {kind: category, vocabulary: words}}
heads: {next: {kind: classification, vocabulary: labels}}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""


def test_labels_that_look_like_something_else_stay_themselves(tmp_path: Path) -> None:
    table = pa.table({"word": LABELS, "next": LABELS})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "b.csv")
    rows = "".join(json.dumps({"word": one, "next": one}) + "\n" for one in LABELS)
    (tmp_path / "c.jsonl").write_text(rows, encoding="utf-8")
    files = [str(tmp_path / name) for name in ("a.parquet", "b.csv", "c.jsonl")]
    _run(tmp_path, AS_TEXT, "--input", *files)
    folder = tmp_path / "out" / "data" / "vocabulary"
    found = {
        name: dict(map(json.loads, (folder / f"{name}.jsonl").read_text("utf-8").splitlines()))
        for name in ("words", "labels")
    }
    assert found["labels"] == dict.fromkeys(LABELS, len(files))
    # An input that is empty is missing.
    assert found["words"] == dict.fromkeys([one for one in LABELS if one], len(files))


def test_an_empty_vocabulary_is_refused(tmp_path: Path) -> None:
    spec = SMALL.replace("heads:", "vocabularies: {v: {min_count: 3}}\nheads:").replace(
        "{x: {kind: number}}", "{x: {kind: category, vocabulary: v}}"
    )
    with pytest.raises(Failure, match=r"vocabulary 'v' .*min_count=3 times in \['x'\]") as failure:
        _run(tmp_path, spec, *_small(tmp_path, one="x,y\na,1\nb,2\n"))
    assert failure.value.exit_code == Exit.BAD_ROWS


@pytest.mark.parametrize(
    ("option", "given", "rule"),
    [
        ("--max-bad-fraction", "5%", "must be a number from 0 to 1. Received: 5%"),
        ("--max-bad-fraction", "2", "must be a number from 0 to 1. Received: 2"),
        ("--shards", "few", "must be an integer from 1 to 10000. Received: few"),
        ("--shards", "0", "must be an integer from 1 to 10000. Received: 0"),
    ],
)
def test_an_option_of_another_type_is_told_what_it_must_be(
    option: str, given: str, rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        prepare.run([option, given])
    assert ended.value.code == Exit.USAGE
    assert capsys.readouterr().err.endswith(f"argument {option}: {rule}\n")


def test_what_is_refused_before_beam_starts(tmp_path: Path) -> None:
    inputs = _small(tmp_path, one="x,z\n1,1\n")
    with pytest.raises(Failure, match=r"missing: \['y'\]") as failure:
        _run(tmp_path, SMALL, *inputs)
    assert failure.value.exit_code == Exit.USAGE
    with pytest.raises(Failure, match="at least one file") as failure:
        _run(tmp_path, SMALL, "--input", str(tmp_path / "nothing*.csv"))
    assert failure.value.exit_code == Exit.USAGE
    with pytest.raises(Failure, match="--shard") as failure:
        _run(tmp_path, SMALL, *_small(tmp_path, one="x,y\n1,1\n"), "--shard", "3")
    assert failure.value.exit_code == Exit.USAGE


def test_a_cluster_is_refused_files_of_this_machine(tmp_path: Path) -> None:
    inputs = _small(tmp_path, one="x,y\n1,1\n")
    with pytest.raises(Failure, match="must be at gs:// or s3://") as failure:
        _run(tmp_path, SMALL, *inputs, "--runner=DataflowRunner")
    assert failure.value.exit_code == Exit.USAGE


def test_damage_inside_a_file_ends_with_its_name(tmp_path: Path) -> None:
    whole = gzip.compress(b"x,y\n" + b"".join(b"%d,1\n" % i for i in range(99_999)))
    (tmp_path / "one.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Failure, match=r"one\.csv\.gz is damaged") as failure:
        _run(tmp_path, SMALL, "--input", str(tmp_path / "one.csv.gz"))
    assert failure.value.exit_code == Exit.INTEGRITY
    assert not (tmp_path / "out" / "data").exists()


@pytest.mark.parametrize("is_counted", [False, True])
def test_an_input_that_goes_away_ends_it_cleanly(
    is_counted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its rows are counted for the progress, or between that and the reading of them."""
    inputs, about = _small(tmp_path, one="x,y\n1,1\n"), rows.about

    def gone(paths: list[str]) -> int | None:
        count = about(paths) if is_counted else None
        (tmp_path / "one.csv").unlink()
        return count if is_counted else about(paths)

    monkeypatch.setattr(row_progress, "about", gone)
    with pytest.raises(Failure, match=r"no .*one\.csv any more") as failure:
        _run(tmp_path, SMALL, *inputs)
    assert failure.value.exit_code == Exit.ENVIRONMENT
    assert not (tmp_path / "out" / "data").exists()


def test_beam_is_loaded_only_to_run_it() -> None:
    code = "import sys, pipeline.prepare; print({'apache_beam', 'tensorflow'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


def test_more_training_rows_come_in_more_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.preparing.examples.ROWS_OF_A_SHARD", 100)
    rows = "x,y\n" + "1,1\n" * 900
    spec = SMALL.replace("by: hash, columns: [x], eval: 0, test: 0", "by: row")
    files: dict[str, list[int]] = {}
    for more in ((), ("--shards", "2", "--force")):
        _run(tmp_path, spec, *_small(tmp_path, one=rows), *more)
        for side in ("train", "eval", "test"):
            there = sorted((tmp_path / "out" / "data" / "examples" / side).iterdir())
            records = [tf.data.TFRecordDataset(str(file), "GZIP") for file in there]
            counts = [sum(1 for _ in one.as_numpy_iterator()) for one in records]
            assert sum(counts) == _statistics(tmp_path)["rows"][side]
            files.setdefault(side, []).append(len(counts))
            # Six standard deviations of a draw.
            assert max(counts) <= 100 + 60 or more
    # 720 rows or so train.
    train, asked = files["train"]
    assert train in (7, 8) and asked == 2
    assert files["eval"] == files["test"] == [4, 2]
