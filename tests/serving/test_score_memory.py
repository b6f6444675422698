"""Memory does not grow with the rows, and scoring holds under a limit that its input is ten times.

`make memory` takes 1 and 10 million rows, and 5 GB under 512 MB.
"""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet
import pytest
import small_run
from small_run import exported, small_rows

from serving import export

COMMAND = """
import sys
from serving import score
score.run(sys.argv[1:])
# Not ru_maxrss: that begins with what the process that started this one had.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
ROWS = 10_000
IS_FULL = "CI_FULL" in os.environ
# Few are enough that what Arrow and onnxruntime keep for their next batch has about reached its
# size, but for a tenth either way. Rows that were kept, or results, would add 80 MB, a third.
FEW, MANY, GROWTH = (1_000_000, 10_000_000, 1.1) if IS_FULL else (400_000, 1_200_000, 1.25)
# So many bytes of memory, and so many times as many of CSV.
LIMIT, TIMES = (512 << 20, 10) if IS_FULL else (256 << 20, 3)
slow = pytest.mark.skipif(not IS_FULL, reason="slow; make memory runs it")


def score_line(model: Path, rows: Path, output: Path) -> list[str]:
    words = ["--model", str(model), "--workers", "2", "--force"]
    words += ["--input", str(rows), "--output", str(output)]
    return [sys.executable, "-c", COMMAND, *words]


def peak_kib(folder: Path, count: int) -> int:
    """Of a process of its own that scores so many rows."""
    part = small_rows(ROWS)
    with pyarrow.parquet.ParquetWriter(folder / "rows.parquet", part.schema) as writer:
        for _ in range(count // ROWS):
            writer.write_table(part)
    model = exported() / "model" / "model.onnx"
    line = score_line(model, folder / "rows.parquet", folder / "s.parquet")
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert pyarrow.parquet.read_metadata(folder / "s.parquet").num_rows == count
    print(f"{count:,} rows: {int(done.stdout.split()[-1]) / 1024:,.0f} MiB")
    return int(done.stdout.split()[-1])


def test_many_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    assert peak_kib(tmp_path, MANY) <= GROWTH * peak_kib(tmp_path, FEW)


@contextmanager
def memory_group(limit: int) -> Iterator[list[str]]:
    """What stands before a line to run it in a control group of its own, which the kernel keeps
    within so many bytes: what its files have in the page cache counts, and there is no swap."""
    said = Path("/proc/self/cgroup").read_text().splitlines()
    paths = [line.split(":", 2)[1:] for line in said]
    own = next((path for names, path in paths if "memory" in names.split(",")), None)
    root = Path("/sys/fs/cgroup", "memory" if own else "")
    group = Path(f"{root}{own or paths[-1][1]}", f"score-{os.getpid()}")
    limits = {"memory.limit_in_bytes": limit, "memory.memsw.limit_in_bytes": limit}  # version 1
    limits |= {"memory.max": limit, "memory.swap.max": 0}  # version 2
    try:
        group.mkdir()
        found = [name for name in limits if (group / name).exists()]
        for name in found:
            (group / name).write_text(str(limits[name]))
    except OSError as error:
        pytest.skip(f"no control group with a limit of memory can be made here: {error}")
    try:
        if not found:
            pytest.skip("control groups have no limit of memory here")
        yield ["sh", "-c", 'echo $$ > "$0"; exec "$@"', str(group / "cgroup.procs")]
    finally:
        group.rmdir()


def rows_of(path: Path, size: int, *, words: int, further: int) -> int:
    """Writes so many bytes of CSV, packed where the name ends so: lists of so many words, and a
    column of so many letters that no model reads. Returns the number of rows."""
    row = f"a key,cat,{' '.join(['the', 'mat'] * (words // 2))},3.5,0.25,1,{'x' * further}\n"
    block = row.encode() * (1 + (1 << 20) // len(row))
    header, times = b"key,word,previous,age,size,place,other\n", 1 + size // len(block)
    if path.suffix == ".gz":
        header, block = gzip.compress(header), gzip.compress(block)
    with path.open("wb") as file:
        file.write(header)
        for _ in range(times):
            file.write(block)
    return times * (1 + (1 << 20) // len(row))


def model_of(folder: Path, labels: int) -> Path:
    """The small model, with so many labels."""
    if labels == len(small_run.LABELS):
        return exported() / "model" / "model.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_run, "LABELS", [f"label {at}" for at in range(labels)])
        small_run.write_run(folder / "run", small_run.small_model())
    export.run(["--run", str(folder / "run"), "--output", str(folder / "model")])
    return folder / "model" / "model.onnx"


@pytest.mark.parametrize(
    ("name", "words", "further", "labels"),
    [
        ("rows.csv.gz", 4, 4_000, 6),
        pytest.param("rows.csv", 4, 4_000, 25_000, marks=slow),
        pytest.param("rows.csv", 110, 0, 6, marks=slow),
    ],
    ids=["packed", "25,000 labels", "lists of 110 words"],
)
def test_an_input_many_times_the_limit_of_memory_is_scored(
    name: str, words: int, further: int, labels: int, tmp_path: Path
) -> None:
    rows, output = tmp_path / name, tmp_path / "s.parquet"
    model = model_of(tmp_path, labels)
    count = rows_of(rows, TIMES * LIMIT, words=words, further=further)
    with memory_group(LIMIT) as limited:
        too_much = [sys.executable, "-c", f"b'x' * {LIMIT}"]
        assert subprocess.run([*limited, *too_much]).returncode == -9
        line = [*limited, *score_line(model, rows, output)]
        done = subprocess.run(line, capture_output=True, text=True)
    rows.unlink()
    assert done.returncode == 0, done.stderr[-2000:]
    assert pyarrow.parquet.read_metadata(output).num_rows == count
    peak = int(done.stdout.split()[-1]) >> 10
    print(f"{count:,} rows of {TIMES * LIMIT >> 20:,} MiB under {LIMIT >> 20} MiB: {peak} MiB")
