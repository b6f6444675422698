"""Rows taken out of files: the others stay byte for byte, caches count anew, nothing is missed."""

import gzip
import json
import random
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipeline import forget, prepare
from pipeline.failures import Exit, Failure
from pipeline.folders.cache import SUFFIX
from pipeline.manifest import MANIFEST, fresh_staging, publish, write_text
from pipeline.rows import csv_files
from pipeline.storage import stores
from pipeline.updating.version import PUBLISHED, Version

BOM = b"\xef\xbb\xbf"
HEADER, ANN, BOB = b"who,said\n", b"ann,x\n", b"bob,y\n"


def taken(path: Path, *more: str) -> bytes:
    """What becomes of a file without the rows of ann."""
    forget.run(["who=ann", str(path), "--in-place", *more])
    return path.read_bytes()


CSV_ROWS = [
    b"bob,plain\n",
    b'bob,"a, ""b""\n\nann,c"\n',
    b"\n",
    b'bob,5" pipe\n',
    b'"bob",crlf\r\n',
    b"cleo,ragged,row\n",
    b"bob,\xff\n",
]
OF_ANN = [b"ann,plain\n", b'ann,"x\ny"\n', b'"ann",""\r\n', b'ann,5" pipe\n']


@pytest.mark.parametrize("block", [64, csv_files.READ_BYTES])
@pytest.mark.parametrize("seed", range(6))
def test_the_other_bytes_of_csv_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, block: int
) -> None:
    monkeypatch.setattr(csv_files, "READ_BYTES", block)
    draw = random.Random(seed)
    rows = draw.choices(CSV_ROWS[: 3 if seed % 2 else None] + OF_ANN, k=40)
    # The last line may lack its end.
    rows.append(draw.choice([b"ann,end", b"bob,end", b"bob,end\n"]))
    head, path = BOM * (seed % 3 == 0) + b"who,said\r\n", tmp_path / "rows.csv"
    path.write_bytes(head + b"".join(rows))
    left = [row for row in rows if not row.startswith((b"ann", b'"ann"'))]
    assert taken(path) == head + b"".join(left)


def test_broken_rows_stay_and_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rows.csv"
    broken = b'"ann\\"s,x\n'
    path.write_bytes(HEADER + ANN + broken + BOB * 9 + ANN)
    assert taken(path) == HEADER + broken + BOB * 9
    said = capsys.readouterr().out
    assert "2 of 12 rows" in said and "1 rows cannot be read and stay" in said


def test_a_file_stays_where_other_rows_would_be_read_in_another_way(tmp_path: Path) -> None:
    """A row ends the quoted text of the broken one before it: without it that goes on."""
    path = tmp_path / "rows.csv"
    whole = HEADER + b'ann,x\nbob,"5\nann"s,y\n\ncleo,z"\n'
    path.write_bytes(whole)
    with pytest.raises(Failure, match="must be read as before") as failure:
        forget.run(['who=ann"s', str(path), "--in-place"])
    assert failure.value.exit_code == Exit.INTEGRITY
    assert path.read_bytes() == whole and len(list(tmp_path.iterdir())) == 1


JSON_ROWS = [
    b'{"who": "bob", "n": 1}\n',
    b'{"n":1.50,"who":"cl\\u00e9o"}\r\n',
    b" \n",
    b'{"who": "bob", "said": "ann"}\n',
    b"no json\n",
    b'{"n": 3}\n',
]


@pytest.mark.parametrize("seed", range(4))
def test_the_other_bytes_of_json_lines_stay(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    of_ann = [b'{"who": "ann"}\n', b'{"n": [1, 2], "who": "an\\u006e"}\n']
    rows = [*draw.choices(JSON_ROWS + of_ann, k=300), draw.choice([*of_ann, b'{"n": 3}'])]
    head, path = BOM * (seed % 2), tmp_path / "rows.jsonl"
    path.write_bytes(head + b"".join(rows))
    assert taken(path) == head + b"".join(row for row in rows if row not in of_ann)


def test_packed_files_stay_packed(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv.gz"
    path.write_bytes(gzip.compress(BOM + b"who\tn\nann\t1\nbob\t2\n"))
    path.chmod(0o640)
    assert gzip.decompress(taken(path)) == BOM + b"who\tn\nbob\t2\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_parquet_keeps_schema_groups_and_compression(tmp_path: Path) -> None:
    who = pa.array([*"abcabcabc"]).dictionary_encode()
    table = pa.table({"who": who, "n": pa.array(range(9), pa.int16()), "l": [[1]] * 9})
    table = table.replace_schema_metadata({"made": "by hand"})
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table, path, row_group_size=3, compression="zstd")
    with pyarrow.parquet.ParquetFile(path) as file:
        schema, whole = file.schema, file.read()
    # Of the numbers 4 goes, and with it the b of the second group.
    forget.run(["who=a", "--also", "n=4", str(path), "--in-place"])
    with pyarrow.parquet.ParquetFile(path) as file:
        left = file.read()
        assert file.schema.equals(schema)
        groups = [file.metadata.row_group(at) for at in range(file.num_row_groups)]
    assert left.equals(whole.take([1, 2, 5, 7, 8]), check_metadata=True)
    assert [group.num_rows for group in groups] == [2, 1, 2]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}


def test_values_of_a_list_go_and_the_old_files_stay(tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_bytes(BOM + b"ann\r\na=b\n\n")
    for name, rows in {"a": ANN + BOB, "b": BOB, "c": BOB + b"a=b,x\n"}.items():
        (tmp_path / f"{name}.csv").write_bytes(HEADER + rows)
    said = ["who", "--list", str(tmp_path / "asked.txt"), str(tmp_path / "*.csv")]
    forget.run([*said, "--output", str(tmp_path / "clean")])
    clean = {path.name: path.read_bytes() for path in (tmp_path / "clean").iterdir()}
    assert clean == {"a.csv": HEADER + BOB, "c.csv": HEADER + BOB}
    assert (tmp_path / "a.csv").read_bytes() == HEADER + ANN + BOB
    with pytest.raises(Failure, match="no file over another") as failure:
        forget.run([*said, "--output", str(tmp_path / "clean")])
    assert failure.value.exit_code == Exit.OCCUPIED


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["whom=ann", "rows.csv"], "near 'whom': 'who'"),
        (["who", "rows.csv"], "COLUMN=VALUE"),
        (["who=", "rows.csv"], "COLUMN=VALUE"),
        (["who=ann", "--list", "rows.csv", "rows.csv"], "a column alone"),
        (["who", "--list", "none.txt", "rows.csv"], "UTF-8 text"),
        (["l=1", "rows.jsonl"], "one value in a cell"),
        (["who=ann", "rows.tfrecord"], "of this machine"),
        (["who=ann", "rows.csv", "deep/rows.csv", "--output", "clean"], "different names"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], rule: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep").mkdir()
    for path in ("rows.csv", "deep/rows.csv", "rows.tfrecord"):
        Path(path).write_bytes(HEADER + ANN)
    Path("rows.jsonl").write_text('{"l": [1, 2]}\n')
    with pytest.raises(Failure, match=rule) as failure:
        forget.run([*words, "--in-place"] if "--output" not in words else words)
    assert failure.value.exit_code == Exit.USAGE
    assert Path("rows.csv").read_bytes() == HEADER + ANN


def test_a_file_that_changes_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(HEADER + ANN)
    own = stores.fingerprint

    def appended(of: str) -> str:
        said = own(of)
        with path.open("ab") as file:
            file.write(BOB)
        return said

    monkeypatch.setattr(stores, "fingerprint", appended)
    with pytest.raises(Failure, match="must stay as it is") as failure:
        taken(path)
    assert failure.value.exit_code == Exit.OCCUPIED
    assert path.read_bytes() == HEADER + ANN + BOB
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]


SPEC = """
name: forgetting
vocabularies: {who: {}}
inputs:
  who: {kind: category, vocabulary: who}
  n: {kind: number}
heads:
  yes: {kind: binary}
split: {by: hash, columns: [row]}
"""


def day(number: int) -> pa.Table:
    names = ["ann", "bob", "cleo", f"guest {number}"]
    return pa.table(
        {
            "row": [f"{number}-{at}" for at in range(60)],
            "who": [names[at % 4] for at in range(60)],
            "n": [number + at * at for at in range(60)],
            "yes": [at % 3 == 0 for at in range(60)],
        }
    )


def prepared(folder: Path, output: Path) -> dict[str, str]:
    """The files of a folder that prepare makes, by their hashes, and the statistics."""
    (folder / "spec.yaml").write_text(SPEC)
    said = ["--spec", str(folder / "spec.yaml"), "--input", str(folder / "*.csv")]
    prepare.run([*said, "--output", str(output), "--cache", str(folder / "OUT/cache")])
    return contents(output)


def contents(data: Path) -> dict[str, str]:
    files = json.loads((data / MANIFEST).read_text())["files"]
    return {n: f["sha256"] for n, f in files.items() if n.endswith((".txt", ".jsonl", ".json"))}


def test_what_is_left_is_counted_as_if_the_rows_had_never_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("OUT")
    for number in (1, 2):
        pyarrow.csv.write_csv(day(number), f"{number}.csv")
    prepared(Path(), out / "data")
    before = {path.name for path in (out / "cache").glob(f"*{SUFFIX}")}
    assert len(before) == 2
    line = ["who=guest 2", "1.csv", "2.csv", "--under", "OUT"]
    forget.run(line)
    said = capsys.readouterr().out
    assert "nothing is written" in said and "OUT/data was made from 60 rows of 2.csv" in said
    forget.run([*line, "--in-place"])
    assert "wrote 2.csv with 45 rows; 1 cached analyses" in capsys.readouterr().out
    (kept,) = (out / "cache").glob(f"*{SUFFIX}")
    assert kept.name in before
    # No row is meant any more, but the folder still knows them.
    forget.run(line)
    *_, command = capsys.readouterr().out.splitlines()
    prepare.run([*shlex.split(command)[3:], "--cache", str(out / "cache")])
    forget.run(line)
    assert "nothing is to be made anew" in capsys.readouterr().out
    # The same rows, counted without a cache.
    Path("clean").mkdir()
    monkeypatch.chdir("clean")
    for number in (1, 2):
        table = day(number)
        kept_rows = [who != "guest 2" for who in table["who"].to_pylist()]
        pyarrow.csv.write_csv(table.filter(pa.array(kept_rows)), f"{number}.csv")
    assert prepared(Path(), Path("data")) == contents(tmp_path / out / "data")


def made(path: Path, stage: str, rows: dict[str, int], **facts: str) -> None:
    """A folder as a stage publishes it, of which only the counts are read."""
    work = fresh_staging(path)
    files = {name: {"read": count} for name, count in rows.items()}
    if rows:
        write_text(work / "statistics.json", json.dumps({"files": files}))
    publish(path, stage=stage, made_from=f"{stage} {path}", facts=dict(facts))


@pytest.fixture
def listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[str]]:
    """What is to be made anew below OUT without ann, who has a row in a.csv."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_bytes(HEADER + ANN + BOB)
    Path("b.csv").write_bytes(HEADER + BOB)
    Path("OUT").mkdir()

    def found() -> list[str]:
        forget.run(["who=ann", "a.csv", "b.csv", "--under", "OUT"])
        *_, said = capsys.readouterr().out.partition("in this order:\n")
        return said.splitlines()

    return found


def test_runs_and_models_are_listed_with_their_commands(listed: Callable[[], list[str]]) -> None:
    made(Path("OUT/rows"), "data", {"a.csv": 2, "b.csv": 1})
    made(Path("OUT/x/run"), "run", {"a.csv": 2, "b.csv": 1}, data_made_from="data OUT/rows")
    made(Path("OUT/x/model"), "model", {})
    # These know nothing of her.
    made(Path("OUT/y/data"), "data", {"b.csv": 1})
    made(Path("OUT/y/run"), "run", {"b.csv": 1}, data_made_from="data OUT/y/data")
    made(Path("OUT/y/model"), "model", {})
    commands = [line.split(" -m ")[1] for line in listed() if " -m " in line]
    assert commands == [
        "pipeline.prepare --spec OUT/rows/spec.json --input a.csv b.csv --output OUT/rows --force",
        "trainer.task --data OUT/rows --spec OUT/x/run/spec.json --output OUT/x/run --force",
        "serving.export --run OUT/x/run --output OUT/x/model --force",
    ]


def test_versions_are_listed_with_all_that_go_on_from_them(
    listed: Callable[[], list[str]],
) -> None:
    was = {path: stores.fingerprint(path) for path in ("a.csv", "b.csv")}
    first = Version(1, PUBLISHED, "", "", {"b.csv": was["b.csv"]})
    second = Version(2, PUBLISHED, "", "", was, parent=1)
    third = replace(second, number=3, parent=2, left=["a.csv"])
    for version in (first, second, third):
        folder = Path(f"OUT/versions/{version.number:03d}")
        made(folder / "model", "model", {})
        write_text(folder / "version.json", version.to_json())
    forget.run(["who=ann", "a.csv", "--in-place"])
    said = listed()
    assert [line.split()[0] for line in said[::2]] == ["OUT/versions/002", "OUT/versions/003"]
    assert said[3].split(" -m ")[1] == (
        "pipeline.run --spec OUT/versions/003/run/spec.json --input b.csv --output OUT-anew"
    )
    # A third version made from other rows still has its weights from the second.
    anew = replace(third, inputs={"b.csv": was["b.csv"]})
    write_text(Path("OUT/versions/003/version.json"), anew.to_json())
    assert "OUT/versions/003 goes on from version 2" in "\n".join(listed())
