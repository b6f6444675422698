"""What scoring must never do, and what must not change its result: audited in its own process."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_run import exported, small_rows
from tiny_data import tiny_data

from pipeline.failures import Failure
from pipeline.folders.published import read_json_lines
from pipeline.rows import read
from pipeline.spec.file import parse_spec
from pipeline.spec.plain_yaml import MAX_VALUES
from serving import score

FULL = os.environ.get("CI_FULL") == "1"
slow = pytest.mark.skipif(not FULL, reason="slow; make faults runs it")
ROOT = Path(__file__).parent.parent
SECRET = "s3cr3t-7f1e-of-nobody"
CREDENTIALS = dict.fromkeys(
    ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "HF_TOKEN", "MLFLOW_TRACKING_PASSWORD"], SECRET
)

_AUDITED = """
import sys
FORBIDDEN = ("pickle.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
             "os.spawn", "socket.connect", "socket.getaddrinfo", "socket.bind")
seen = []
sys.addaudithook(lambda event, _: seen.append(event) if event.startswith(FORBIDDEN) else None)
from serving.score import run
run(sys.argv[1:])
sys.exit(f"scoring did {sorted(set(seen))}" if seen else 0)
"""


def score_line(rows: Path, output: Path) -> list[str]:
    model = exported() / "model" / "model.onnx"
    return ["--model", str(model), "--input", str(rows), "--output", str(output)]


def rows_in(folder: Path, count: int = 500) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    pyarrow.parquet.write_table(small_rows(count), path)
    return path


def process(
    *line: str, before: tuple[str, ...] = (), environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*before, sys.executable, *line],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )


def without_network() -> tuple[str, ...]:
    """A prefix that gives a process a network without any way out."""
    prefix = ("unshare", "--net")
    if not shutil.which("unshare") or subprocess.run([*prefix, "true"]).returncode != 0:
        pytest.skip("only root may take the network away from a process")
    return prefix


def test_scoring_unpickles_nothing_starts_nothing_and_connects_to_nothing(tmp_path: Path) -> None:
    done = process("-c", _AUDITED, *score_line(rows_in(tmp_path), tmp_path / "s.csv"))
    assert done.returncode == 0, done.stderr


def assert_kept_secret(folder: Path, done: "subprocess.CompletedProcess[str]") -> None:
    """What the environment holds is in no file and in no line that is printed."""
    assert done.returncode == 0, done.stderr
    told = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert told
    assert not any(SECRET.encode() in text for text in [*told, done.stdout.encode()])
    assert SECRET not in done.stderr


def test_scoring_works_without_a_network_and_keeps_secrets(tmp_path: Path) -> None:
    """No route out; and no row is shown."""
    line = score_line(rows_in(tmp_path), tmp_path / "s.jsonl")
    done = process("-m", "serving.score", *line, before=without_network(), environment=CREDENTIALS)
    assert_kept_secret(tmp_path, done)
    assert "row 1" not in done.stdout + done.stderr


@slow
def test_preparing_keeps_secrets_and_shows_no_row(tmp_path: Path) -> None:
    """A row that is rejected neither: it is in a file for that."""
    spec, rows, cell = tmp_path / "spec.yaml", tmp_path / "rows.csv", "a cell of nobody's"
    spec.write_text(
        "name: kept\ninputs: {x: {kind: number}}\nheads: {y: {kind: binary}}\n"
        "split: {by: hash, columns: [key]}\n"
    )
    lines = [f"{cell} {at},{at},{at % 2}" for at in range(300)]
    rows.write_text("\n".join(["key,x,y", *lines, f"{cell},{cell},1"]) + "\n")
    line = ["--spec", str(spec), "--input", str(rows), "--output", str(tmp_path / "data")]
    done = process("-m", "pipeline.prepare", *line, environment=CREDENTIALS)
    assert_kept_secret(tmp_path, done)
    assert cell not in done.stdout + done.stderr


@slow
def test_training_works_without_a_network_and_keeps_secrets(tmp_path: Path) -> None:
    data, run = tiny_data(tmp_path / "data"), tmp_path / "run"
    done = process(
        *["-m", "trainer.task", "--data", str(data), "--output", str(run)],
        before=without_network(),
        environment={**CREDENTIALS, "TF_USE_LEGACY_KERAS": "0"},
    )
    assert_kept_secret(run, done)


ODD_PLACES = {
    "C": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "a console that is not UTF-8": {"PYTHONIOENCODING": "latin-1"},
    "Tokyo": {"TZ": "Asia/Tokyo"},
    "1970": {"TZ": "UTC", "SOURCE_DATE_EPOCH": "0"},
}


@pytest.mark.parametrize(
    "where", ["C", *(pytest.param(w, marks=slow) for w in list(ODD_PLACES)[1:])]
)
def test_scores_are_the_same_anywhere(where: str, tmp_path: Path) -> None:
    """Locale, time zone, console, and a path of more than 100 characters with spaces and more."""
    folder = tmp_path / ("a path with spaces \u00e9\U0001f642 " * 4).strip()
    line = score_line(rows_in(folder), folder / "s.csv")
    done = process("-m", "serving.score", *line, environment=ODD_PLACES[where])
    assert done.returncode == 0, done.stderr
    score.run(score_line(rows_in(tmp_path), tmp_path / "s.csv"))
    assert (folder / "s.csv").read_bytes() == (tmp_path / "s.csv").read_bytes()


_MEASURED = """
import sys, time
from pipeline.failures import main
try:
    module = __import__(sys.argv.pop(1), fromlist=["run"])
    main(module.run)
finally:
    # Not ru_maxrss: that begins with what the process that started this one had.
    print(next(line.split()[1] for line in open("/proc/self/status") if "VmHWM" in line))
    print(time.process_time())
"""


def measured(*line: str) -> tuple[int, int, float]:
    """Exit code, peak of memory in MB, and seconds of CPU of a command, its start among them."""
    done = process("-c", _MEASURED, *line)
    assert "Traceback" not in done.stderr, done.stderr
    kib, seconds = done.stdout.split()[-2:]
    return done.returncode, int(kib) >> 10, float(seconds)


@pytest.mark.parametrize("count", [2, pytest.param(8, marks=slow)])
def test_one_of_several_that_start_together_wins(
    count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "s.csv"
    line = [sys.executable, "-m", "serving.score", *score_line(rows_in(tmp_path), output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    runs = [
        subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        for _ in range(count)
    ]
    told = [run.communicate()[1].decode() for run in runs]
    with capsys.disabled():
        print(f"\n{count} at once: all had ended after {time.monotonic() - started:.1f} s")
    assert sorted(run.returncode for run in runs) == [0, *[3] * (count - 1)], told
    assert len(output.read_text(encoding="utf-8").splitlines()) == 501


BOMBS = {
    "aliases": "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n" * 2_000,
    "an object": "name: !!python/object/apply:os.system [true]\n",
    "depth": "[" * 900_000,
    "depth by lines": "".join(" " * depth + "a:\n" for depth in range(1_400)),
    "50 MB": "# " + "x" * 50_000_000,
    "json depth": '{"a":' * 200_000,
    "a megabyte of numbers": "a: [" + "1," * 480_000 + "1]",
    "digits that multiply": "a: " + "1:" * 480_000 + "1",
    "directives": "".join(f"%TAG !a{i}! b\n" for i in range(60_000)) + "---\na: 1",
    "as many faults as values": "trunk: {layers: [" + "-1," * (MAX_VALUES - 5) + "]}",
}


@slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_spec_that_is_a_bomb_is_refused_in_a_second_and_200_mb(
    bomb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(BOMBS[bomb])
    line = ["--spec", str(spec), "--input", "none.csv", "--output", str(tmp_path / "out")]
    code, peak, seconds = measured("pipeline.run", *line)
    assert (code, peak < 200, seconds < 1) == (2, True, True), (peak, seconds)
    with capsys.disabled():
        print(f"\n{bomb}: {seconds:.2f} s of CPU, {peak} MB")
    assert not (tmp_path / "out").exists()


@slow
@pytest.mark.parametrize(
    ("suffix", "beginning"),
    [("csv", b"key,word,previous,age,size,place\n"), ("jsonl", b'{"key": "')],
)
def test_a_gzip_bomb_is_refused_in_a_second_and_200_mb(
    suffix: str, beginning: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"rows.{suffix}.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(beginning)
        for _ in range(400):
            file.write(b"x" * 1_000_000)
    assert path.stat().st_size < 500_000
    code, peak, seconds = measured("serving.score", *score_line(path, tmp_path / "s.csv"))
    with capsys.disabled():
        print(f"\n{path.name}: {seconds:.2f} s of CPU, {peak} MB")
    assert (code, peak < 200, seconds < 1) == (5, True, True), (peak, seconds)
    assert not (tmp_path / "s.csv").exists()


ODD = ["the", "cat", "", "1", "-0.5", "1e400", "nan", "x", "=1+1", "\x00", "e\u0301"]
TEXTS = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(ODD))
NUMBERS = st.one_of(st.floats(-100, 100), st.integers(), st.floats(), TEXTS)
CELLS = {
    "word": TEXTS,
    "previous": st.one_of(st.lists(TEXTS, max_size=4), TEXTS),
    "age": NUMBERS,
    "size": NUMBERS,
    "place": NUMBERS,
}


@settings(max_examples=500 if FULL else 40, deadline=None)
@given(table=st.lists(st.fixed_dictionaries(CELLS), max_size=12))
def test_any_table_gives_one_row_for_each_accepted_row_with_its_key(
    table: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("table")
    lines = [{"key": f"row {at}", **cells} for at, cells in enumerate(table)]
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    try:
        score.run(score_line(rows, folder / "s.parquet"))
    except Failure as failure:
        assert failure.exit_code == 4
    rejected = folder / "s.parquet.rejected.jsonl"
    bad = [one["row"] for one in read_json_lines(rejected)] if rejected.exists() else []
    good = [line["key"] for at, line in enumerate(lines, start=1) if at not in bad]
    scored = folder / "s.parquet"
    keys = pyarrow.parquet.read_table(scored)["key"].to_pylist() if scored.exists() else []
    assert keys == good
    assert len(set(bad)) == len(bad) == len(lines) - len(keys)


@settings(max_examples=100, deadline=None)
@given(
    name=st.one_of(st.text(max_size=12), st.sampled_from(["../x", "/etc/x", "a\0b", "a:b", ".."]))
)
def test_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    spec = {
        "name": name,
        "vocabularies": {name: {}},
        "inputs": {name: {"kind": "category", "vocabulary": name, "embedding": 2}},
        "heads": {f"{name}_head": {"kind": "binary"}},
        "split": {"by": "hash", "columns": ["x"]},
    }
    try:
        parsed = parse_spec(json.dumps(spec))
    except Failure as failure:
        assert failure.exit_code == 2
        return
    for said in (parsed.name, *parsed.vocabularies, *parsed.inputs, *parsed.heads):
        folder = Path("/out/data/vocabulary")
        assert (folder / f"{said}.jsonl").resolve().parent == folder


@slow
@pytest.mark.parametrize(
    "cell", ["a" * 1_000_000, "(" * 1_000_000, " " * 1_000_000, "=" * 1_000_000]
)
def test_a_megabyte_of_anything_is_read_and_typed_at_once(cell: str, tmp_path: Path) -> None:
    """Regular expressions over cells must not explode: and this is CPU time."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"key": cell, "word": cell, "previous": cell, "age": cell}) + "\n")
    exported()
    started = time.process_time()
    with pytest.raises(Failure):
        list(read(str(path), ["key", "word", "previous", "age"]))
        lines = [json.loads(path.read_text()) | {"size": cell, "place": cell}]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        score.run(score_line(path, tmp_path / "s.csv"))
    assert time.process_time() - started < 1
