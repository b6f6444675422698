"""Rows from gs:// and s3://, prepared data to them: the same as from and to a folder."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from object_stores import CSV, ROWS, SPEC, named, served

from kinds.memory.counting import PairCounts, added, merged, with_pairs
from pipeline import manifest, prepare, rows
from pipeline.failures import Exit, Failure
from pipeline.preparing.spilled import Spills, joined
from pipeline.spec.file import read_spec
from pipeline.storage import stores


@pytest.fixture(scope="module", params=["gs", "s3"])
def bucket(request: pytest.FixtureRequest) -> Iterator[str]:
    with served(request.param) as port, named(request.param, port) as bucket:
        yield bucket


def _put(path: str, content: bytes) -> str:
    stores.write(path, content)
    return path


def _read(path: str) -> list[tuple[str, ...]]:
    return [
        tuple(row.values())
        for batch in rows.read(path, ["a", "b"])
        for row in batch.rows.to_pylist()
    ]


def test_rows_of_every_format_are_read_from_a_store(bucket: str) -> None:
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table({"a": ["00123"], "b": ["x\ny"]}), sink)
    contents = {
        "one.csv": b'\xef\xbb\xbfa;b\n00123;"x\ny"\n',
        "two.jsonl": b'{"a": "00123", "b": "x\\ny"}\n',
        "three.csv.gz": gzip.compress(b'a,b\n00123,"x\ny"\n'),
        "four.parquet": bytes(sink.getvalue()),
    }
    for name, content in contents.items():
        assert _read(_put(f"{bucket}/formats/{name}", content)) == [("00123", "x\ny")]


def test_patterns_name_objects_of_one_level(bucket: str) -> None:
    paths = [f"{bucket}/globs/{name}" for name in ("a.csv", "b.csv", "c.txt", "deep/d.csv")]
    for path in paths:
        _put(path, b"a,b\n1,2\n")
    assert rows.expand([f"{bucket}/globs/*.csv"]) == paths[:2]
    assert rows.expand([f"{bucket}/glob?/*/*.csv", paths[0]]) == [paths[0], paths[3]]
    for pattern in ("nothing.csv", "*.parquet", "**/*.csv"):
        with pytest.raises(Failure) as failure:
            rows.expand([f"{bucket}/globs/{pattern}"])
        assert failure.value.exit_code == Exit.USAGE


def test_an_object_that_exists_is_no_pattern(bucket: str) -> None:
    names = ("odd/a1.csv", "odd/a[1].csv", "odd1/b.csv", "odd[1]/b.csv", "odd[1]/c.csv")
    plain, odd, other, *folder = [_put(f"{bucket}/{name}", b"a,b\n1,2\n") for name in names]
    assert rows.expand([odd]) == [odd]
    assert rows.expand([f"{bucket}/odd/a?.csv"]) == [plain]
    assert rows.expand([f"{bucket}/odd[1]/*.csv"]) == folder
    assert rows.expand([f"{bucket}/odd[0-9]/*.csv"]) == [other]


def test_a_cut_object_is_damaged(bucket: str) -> None:
    path = _put(f"{bucket}/damage/a.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9999)[:50])
    with pytest.raises(Failure, match=r"a\.csv\.gz is damaged") as failure:
        _read(path)
    assert failure.value.exit_code == Exit.INTEGRITY


def _fetched(folder: str, to: Path) -> Path:
    for path in stores.listed(folder):
        file = to / path.removeprefix(folder + "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        with stores.reader(path) as content:
            file.write_bytes(content.read())
    return to


def _run(folder: Path, source: str, output: str, *more: str) -> None:
    (folder / "spec.yaml").write_text(SPEC)
    options = ["--spec", str(folder / "spec.yaml"), "--input", source, "--output", output]
    prepare.run([*options, *more])


def test_prepared_data_are_published_in_a_store(bucket: str, tmp_path: Path) -> None:
    source, output = _put(f"{bucket}/in/a.csv", CSV.encode()), f"{bucket}/out/data"
    _put(f"{output}/left-over", b"of another run")
    _run(tmp_path, source, output)
    (tmp_path / "a.csv").write_text(CSV)
    _run(tmp_path, str(tmp_path / "a.csv"), str(tmp_path / "local"))
    stored, local = _fetched(output, tmp_path / "stored"), tmp_path / "local"
    files = manifest.verify(stored, stage="data").files
    there = {str(p.relative_to(stored)) for p in stored.rglob("*") if p.is_file()}
    assert there == {*files, "manifest.json"}
    assert set(files) == set(manifest.verify(local, stage="data").files)
    for name in ("vocabulary/words.jsonl", "spec.json", "samples.parquet"):
        assert (stored / name).read_bytes() == (local / name).read_bytes()
    assert json.loads((stored / "statistics.json").read_text())["files"] == {
        source: {"read": ROWS + 1, "written": ROWS, "rejected": 1}
    }
    assert [p for p in stores.listed(f"{bucket}/out") if "staging" in p] == []


def test_a_spec_is_read_from_a_store(bucket: str, tmp_path: Path) -> None:
    source = _put(f"{bucket}/spec/a.csv", CSV.encode())
    spec = _put(f"{bucket}/spec/spec.yaml", SPEC.encode())
    output = tmp_path / "data"
    prepare.run(["--spec", spec, "--input", source, "--output", str(output)])
    assert json.loads((output / "spec.json").read_text())["name"] == "stored"
    with pytest.raises(Failure, match=r"must be a file that exists\. Received: .*/none\.yaml"):
        read_spec(f"{bucket}/spec/none.yaml")


def test_the_same_again_is_skipped_and_another_refused(
    bucket: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = _put(f"{bucket}/again/a.csv", CSV.encode()), f"{bucket}/again/data"
    _run(tmp_path, source, output)
    _run(tmp_path, source, output)
    assert "skipped" in capsys.readouterr().err
    with pytest.raises(Failure, match="--force replaces it") as failure:
        _run(tmp_path, source, output, "--shards", "2")
    assert failure.value.exit_code == Exit.OCCUPIED


def test_too_many_bad_rows_publish_nothing_and_are_kept(bucket: str, tmp_path: Path) -> None:
    source, output = _put(f"{bucket}/bad/a.csv", CSV.encode()), f"{bucket}/bad/data"
    with pytest.raises(Failure, match="1 of 301 rows") as failure:
        _run(tmp_path, source, output, "--max-bad-fraction", "0")
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert stores.listed(output) == []
    (kept,) = stores.listed(f"{output}.rejected")
    with stores.reader(kept) as file:
        assert json.loads(file.read())["row"] == ROWS + 1


def test_sums_that_wait_in_a_store_are_those_that_were_counted(bucket: str) -> None:
    counts = with_pairs(PairCounts(), np.array([3, 3, 5]), np.array([1, 1, 0]), np.ones(3))
    spills = Spills(f"{bucket}/work", added)
    spills.sums["by_x",] = counts
    files = spills.all()["by_x",]
    assert [stores.exists(one.path) for one in files] == [True]
    [table] = joined(files, merged).parts
    assert table.to_pylist() == counts.parts[0].to_pylist()
