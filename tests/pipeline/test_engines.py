"""The same vocabularies, statistics and multiset of examples, whatever engine runs the graph."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf

from examples.made_up_rows import rows_for
from pipeline import manifest, prepare
from pipeline.failures import Exit, Failure
from pipeline.rows import parquet_files
from pipeline.rows import parts as find_parts
from pipeline.sides import SIDES
from pipeline.spec.file import parse_spec

SPEC = """
name: engines
keys: [row]
vocabularies: {words: {size: 30}, tags: {size: 20, min_count: 2}, colours: {values: [a, b]}}
inputs:
  past: {kind: sequence, vocabulary: words, length: 3}
  word: {kind: category, vocabulary: words}
  age: {kind: number}
  size: {kind: number, scale: buckets, buckets: 4, embedding: 2}
heads:
  next: {kind: classification, vocabulary: words}
  tags: {kind: multilabel, vocabulary: tags}
  colour: {kind: classification, vocabulary: colours}
  price: {kind: regression, scale: log}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
"""
FILES, ROWS_PER_FILE = 5, 800
TWO_PROCESSES = ("--direct_running_mode", "multi_processing", "--direct_num_workers", "2")
EMBEDDED = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
slow = pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="slow; CI_FULL=1 runs it")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engines")
    (folder / "spec.yaml").write_text(SPEC)
    table = rows_for(parse_spec(SPEC), FILES * ROWS_PER_FILE, 3)
    keys = pa.array([f"{at}" for at in range(table.num_rows)])
    table = table.set_column(table.column_names.index("row"), "row", keys)
    ages = table["age"].cast(pa.string()).to_pylist()
    ages[7::400] = ["old"] * len(ages[7::400])
    table = table.set_column(table.column_names.index("age"), "age", pa.array(ages))
    for at in range(FILES):
        part = table.slice(at * ROWS_PER_FILE, ROWS_PER_FILE)
        pyarrow.parquet.write_table(part, folder / f"part-{at}.parquet", row_group_size=300)
    return folder


def _run(rows: Path, output: Path, *more: str) -> Path:
    spec, files = str(rows / "spec.yaml"), str(rows / "part-*.parquet")
    prepare.run(["--spec", spec, "--input", files, "--output", str(output), *more])
    return output


@pytest.fixture(scope="module")
def in_memory(rows: Path) -> Path:
    return _run(rows, rows / "in-memory")


def _examples(data: Path, side: str) -> Counter[str]:
    """A hash of each example's parsed features: the bytes have their maps in any order."""
    found: Counter[str] = Counter()
    for path in sorted((data / "examples" / side).iterdir()):
        for record in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            said = {name: _values(feature) for name, feature in features.items()}
            found[hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()] += 1
    return found


def _values(feature: Any) -> list[Any]:
    floats = np.array(feature.float_list.value, np.float32)
    return [*feature.int64_list.value, *(value.hex() for value in floats.tolist())]


def _rejected(data: Path) -> list[str]:
    return sorted(
        line for path in (data / "rejected").iterdir() for line in path.read_text().splitlines()
    )


def _assert_same(one: Path, other: Path) -> None:
    for side in SIDES:
        examples = _examples(one, side)
        assert examples == _examples(other, side)
        assert sum(examples.values()) == manifest.verify(one, stage="data").facts["examples"][side]
    for name in ("words", "tags", "colours"):
        files = [data / "vocabulary" / f"{name}.jsonl" for data in (one, other)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert _rejected(one) == _rejected(other)
    said = [json.loads((data / "statistics.json").read_text()) for data in (one, other)]
    moments = [one.pop("numbers") for one in said]
    assert said[0] == said[1]
    for name, number in moments[0].items():
        for key, value in number.items():
            np.testing.assert_allclose(value, moments[1][name][key], rtol=1e-6)
    assert _sampled(one) == _sampled(other)


def _sampled(data: Path) -> list[str]:
    return sorted(pyarrow.parquet.read_table(data / "samples.parquet")["row"].to_pylist())


def test_every_row_is_in_one_place(in_memory: Path) -> None:
    said = json.loads((in_memory / "statistics.json").read_text())["rows"]
    assert said["read"] == FILES * ROWS_PER_FILE
    assert said["rejected"] == FILES * ROWS_PER_FILE // 400
    assert said["train"] + said["eval"] + said["test"] == said["read"] - said["rejected"]
    assert min(said["train"], said["eval"], said["test"]) > 0.15 * said["read"]


def test_two_processes_make_the_same(in_memory: Path, rows: Path, tmp_path: Path) -> None:
    _assert_same(in_memory, _run(rows, tmp_path / "out", *TWO_PROCESSES))


def test_a_job_server_makes_the_same(in_memory: Path, rows: Path, tmp_path: Path) -> None:
    _assert_same(in_memory, _run(rows, tmp_path / "out", *EMBEDDED))


def test_row_groups_apart_make_the_same(
    in_memory: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "PART_BYTES", 1)
    assert len(find_parts(str(rows / "part-0.parquet"))) == 3
    _assert_same(in_memory, _run(rows, tmp_path / "out"))


def test_another_number_of_shards_has_the_same_rows(
    in_memory: Path, rows: Path, tmp_path: Path
) -> None:
    output = _run(rows, tmp_path / "out", "--shards", "7")
    _assert_same(in_memory, output)
    _run(rows, output, "--shards", "2", "--force")
    assert len(list((output / "examples" / "train").iterdir())) == 2
    _assert_same(in_memory, output)


@slow
def test_a_failure_in_a_worker_keeps_its_message(rows: Path, tmp_path: Path) -> None:
    content = (rows / "part-0.parquet").read_bytes()
    footer = content[-(int.from_bytes(content[-8:-4], "little") + 8) :]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1" + bytes(len(content) - len(footer) - 4) + footer)
    for more in ((), TWO_PROCESSES, EMBEDDED):
        inputs = ["--input", str(tmp_path / "bad.parquet"), "--output", str(tmp_path / "out")]
        with pytest.raises(Failure, match=r"bad\.parquet is damaged") as failure:
            prepare.run(["--spec", str(rows / "spec.yaml"), *inputs, *more])
        assert failure.value.exit_code == Exit.INTEGRITY


def _workers(of: int) -> list[int]:
    """The worker processes under a process, each in a shell of its own."""
    listed = subprocess.check_output(["ps", "-ww", "-eo", "pid=,ppid=,args="], text=True)
    found = [line.split(maxsplit=2) for line in listed.splitlines()]
    shells = [pid for pid, parent, _ in found if parent == str(of)]
    return [int(pid) for pid, parent, said in found if parent in shells and "sdk_worker" in said]


@slow
@pytest.mark.parametrize("seconds", [0.0, 2.0, 4.0, 6.0])
def test_a_run_whose_worker_is_killed_fails_and_says_so(
    in_memory: Path, rows: Path, tmp_path: Path, seconds: float
) -> None:
    """Killed as it starts, while it loads, and while it works."""
    options = ["--spec", str(rows / "spec.yaml"), "--input", str(rows / "part-*.parquet")]
    command = [sys.executable, "-m", "pipeline.prepare", *options, *TWO_PROCESSES]
    output = tmp_path / "out"
    with subprocess.Popen(
        [*command, "--output", str(output)], stderr=subprocess.PIPE, text=True
    ) as process:
        while len(_workers(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(seconds)
        killed = _workers(process.pid)
        if killed:
            os.kill(killed[0], signal.SIGKILL)
        said = process.communicate(timeout=120)[1]
    if process.returncode == 0:
        _assert_same(in_memory, output)
        return
    assert process.returncode == Exit.ENVIRONMENT
    assert "error: every worker process must run to its end" in said
    assert not output.exists()
