"""Rows of TFRecord files: cells as they were written, damage told, and a whole run of prepare."""

import builtins
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from kinds.columns import Field, cast
from pipeline import prepare, rows
from pipeline.failures import Exit, Failure
from pipeline.preparing import infer
from pipeline.rows import tfrecord_files
from pipeline.spec.file import parse_spec


def _feature(values: list[Any]) -> tf.train.Feature:
    if not values:
        return tf.train.Feature()
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _example(**features: list[Any]) -> bytes:
    found = {name: _feature(values) for name, values in features.items()}
    example = tf.train.Example(features=tf.train.Features(feature=found))
    return bytes(example.SerializeToString())


def _write(path: Path, records: list[bytes]) -> str:
    packed = "GZIP" if path.suffix == ".gz" else ""
    with tf.io.TFRecordWriter(str(path), packed) as file:
        for record in records:
            file.write(record)
    return str(path)


def _typed(path: str, field: Field, batch_rows: int = 100) -> tuple[list[Any], list[Any]]:
    """[(row, value)] of the good rows, [(row, column, reason, text)] of the others."""
    good, rejected = [], []
    for batch in rows.read(path, [field.column], batch_rows):
        typed, at, bad = cast(batch.rows, [field])
        numbers = batch.numbers()
        good += list(zip(numbers[at].tolist(), typed.column(0).to_pylist(), strict=True))
        rejected += [(b.row, b.column, b.reason, b.text) for b in batch.broken]
        rejected += [(int(numbers[b.row]), b.column, b.reason, b.text) for b in bad]
    return good, rejected


@pytest.mark.parametrize("name", ["a.tfrecord", "a.tfrecord.gz"])
@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([b"00123"], "00123"),
        ([b"NA"], "NA"),
        ([b""], ""),
        (["e\u0301 \U0001f600".encode()], "e\u0301 \U0001f600"),
        ([2**63 - 1], "9223372036854775807"),
        ([-(2**63)], "-9223372036854775808"),
        ([0.1], "0.1"),
        ([5.0], "5"),
        ([], None),
    ],
)
def test_a_cell_of_one_value_is_its_text(
    tmp_path: Path, name: str, values: list[Any], text: str | None
) -> None:
    path = _write(tmp_path / name, [_example(a=values), _example(a=[b"x"]), _example(b=[1])])
    good, rejected = _typed(path, Field("a", "text"))
    assert rejected == []
    assert good == [(1, text), (2, "x"), (3, None)]


@pytest.mark.parametrize("value", [0.1, -0.0, 1e-37, 3.4028234e38, 16777217.0, 1 / 3])
def test_floats_come_back_as_they_were(tmp_path: Path, value: float) -> None:
    path = _write(tmp_path / "a.tfrecord", [_example(a=[value])])
    (((_, number),), _) = _typed(path, Field("a", "number"))
    assert struct.pack("f", number) == struct.pack("f", value)
    (((_, text),), _) = _typed(path, Field("a", "text"))
    assert struct.pack("f", abs(float(text))) == struct.pack("f", abs(value))


def test_a_list_takes_all_values_and_anything_else_the_only_one(tmp_path: Path) -> None:
    cells: list[list[Any]] = [[b"new york"], [b"a", b"b c"], [], [b"d"]]
    path = _write(tmp_path / "a.tfrecord", [_example(a=values) for values in cells])
    for batch_rows in (1, 2, 100):
        good, rejected = _typed(path, Field("a", "list"), batch_rows)
        assert (good, rejected) == (
            [(1, ["new york"]), (2, ["a", "b c"]), (3, None), (4, ["d"])],
            [],
        )
        good, rejected = _typed(path, Field("a", "text"), batch_rows)
        assert good == [(1, "new york"), (3, None), (4, "d")]
        assert [one[:3] for one in rejected] == [(2, "a", "several_values")]


def test_bad_records_and_other_types_spoil_no_other_row(tmp_path: Path) -> None:
    records = [_example(a=[b"%d" % at]) for at in range(200)]
    records[7], records[90], records[150] = b"\xff\xff", _example(a=[90]), _example(a=[b"\xff"])
    path = _write(tmp_path / "a.tfrecord", records)
    good, rejected = _typed(path, Field("a", "text"))
    assert sorted(rejected) == [
        (8, "", "invalid_example", "\ufffd\ufffd"),
        (151, "a", "invalid_utf8", "\ufffd"),
    ]
    assert good == [(at + 1, str(at)) for at in range(200) if at not in (7, 150)]


def test_files_without_rows_and_without_a_column(tmp_path: Path) -> None:
    empty = _write(tmp_path / "a.tfrecord", [])
    assert (rows.column_names(empty), list(rows.read(empty, ["a"]))) == ([], [])
    path = _write(tmp_path / "b.tfrecord", [_example(b=[1], c=[2.0]), _example(a=[b"x"])])
    assert rows.column_names(path) == ["a", "b", "c"]
    assert rows.check_columns(path, ["a", "b"]) == ["c"]
    # A row may lack a feature, and so may all; another case is a mistake.
    assert rows.check_columns(path, ["a", "d"]) == ["b", "c"]
    with pytest.raises(Failure, match=r"missing: \['B'\]"):
        rows.check_columns(path, ["B"])


@pytest.mark.parametrize("name", ["a.tfrecord", "a.tfrecord.gz"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "no TFRecord"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: str) -> None:
    path = _write(tmp_path / name, [_example(a=[b"%d" % (at**5)]) for at in range(5000)])
    content = bytearray(Path(path).read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 8
    whole = b"a,b\n1,2\n" * 9 if damage == "no TFRecord" else content
    Path(path).write_bytes(whole[: len(content) // 2 + 3] if damage == "cut" else whole)
    with pytest.raises(Failure, match=rf"{name} is damaged") as failure:
        list(rows.read(path, ["a"]))
    assert failure.value.exit_code == Exit.INTEGRITY


def test_without_the_libraries_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, imported = _write(tmp_path / "a.tfrecord", []), builtins.__import__

    def refuse(name: str, *more: Any) -> Any:
        if name == "tfx_bsl":
            raise ImportError("No module named 'tfx_bsl'")
        return imported(name, *more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(
        Failure, match=r"a\.tfrecord is read with tensorflow and tfx-bsl"
    ) as failure:
        rows.column_names(path)
    assert failure.value.exit_code == Exit.ENVIRONMENT


def test_large_records_come_in_small_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfrecord_files, "BLOCK_BYTES", 200_000)
    path = _write(tmp_path / "a.tfrecord", [_example(a=[b"x" * 1000]) for _ in range(1000)])
    sizes = [batch.rows.num_rows for batch in rows.read(path, ["a"])]
    assert sum(sizes) == 1000
    assert max(sizes) <= 200 + 64


SPEC = """
name: records
vocabularies: {words: {}, tags: {}}
inputs:
  past: {kind: sequence, vocabulary: words, length: 3}
  tag: {kind: category, vocabulary: tags}
  x: {kind: number}
heads: {y: {kind: binary}}
split: {by: hash, columns: [tag], eval: 0, test: 0}
"""


def test_every_row_of_a_run_is_in_one_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        _example(past=[b"w%d" % (at % 7), b"a b"], tag=[b"%03d" % (at % 5)], x=[at / 4], y=[at % 2])
        for at in range(300)
    ]
    records[11] = _example(past=[b"w"], tag=[b"001", b"002"], x=[1.0], y=[1])
    path = _write(tmp_path / "a.tfrecord.gz", records)
    (tmp_path / "spec.yaml").write_text(SPEC)
    output = tmp_path / "data"
    spec = ["--spec", str(tmp_path / "spec.yaml"), "--input", path, "--output", str(output)]
    prepare.run(spec)
    assert f"{path}: 300 read = 299 written + 1 rejected" in capsys.readouterr().err
    (rejected,) = (output / "rejected").iterdir()
    said = json.loads(rejected.read_text())
    assert (said["row"], said["column"], said["reason"]) == (12, "tag", "several_values")
    lines = (output / "vocabulary" / "words.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == ["a b", 299]
    assert len(lines) == 8
    tags = (output / "vocabulary" / "tags.jsonl").read_text()
    assert '["001", 59]' in tags


def test_a_first_spec_of_records_knows_lists_from_single_values(tmp_path: Path) -> None:
    records = [
        _example(past=[b"w"] * (at % 3 + 1), tag=[b"%03d" % (at % 5)], x=[at / 4], label=[at % 2])
        for at in range(100)
    ]
    spec = parse_spec(infer.spec_for([_write(tmp_path / "a.tfrecord", records)]))
    assert {name: part.kind for name, part in spec.inputs.items()} == {
        "past": "sequence",
        "tag": "category",
        "x": "number",
    }
    assert spec.heads["label"].kind == "binary"
