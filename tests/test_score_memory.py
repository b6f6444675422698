"""Memory does not grow with the rows. `make memory` takes 1 and 10 million."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
from small_run import exported, small_rows

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


def peak_kib(folder: Path, count: int) -> int:
    """Of a process of its own that scores so many rows."""
    part = small_rows(ROWS)
    with pyarrow.parquet.ParquetWriter(folder / "rows.parquet", part.schema) as writer:
        for _ in range(count // ROWS):
            writer.write_table(part)
    words = ["--model", str(exported() / "model" / "model.onnx"), "--workers", "2", "--force"]
    words += ["--input", str(folder / "rows.parquet"), "--output", str(folder / "s.parquet")]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], capture_output=True, text=True, check=True
    )
    assert pyarrow.parquet.read_metadata(folder / "s.parquet").num_rows == count
    print(f"{count:,} rows: {int(done.stdout.split()[-1]) / 1024:,.0f} MiB")
    return int(done.stdout.split()[-1])


def test_many_times_the_rows_take_no_more_memory(tmp_path: Path) -> None:
    assert peak_kib(tmp_path, MANY) <= GROWTH * peak_kib(tmp_path, FEW)
