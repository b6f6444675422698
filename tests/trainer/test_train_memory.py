"""The memory of training hardly grows with the rows: what they hold is not kept."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from tiny_data import LABELS, WORDS, Example, tiny_spec, write_data

COMMAND = """
import sys
from trainer import task
task.run(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
IDS, DIFFERENT_ROWS = 200, 1_000
# Few are enough to fill what is shuffled at once, twice. If the ids of the others were kept, they
# would add a third.
FEW, MANY, GROWTH = 200_000, 600_000, 1.25
SPEC = tiny_spec(
    replace={
        "length: 4}": f"length: {IDS}, combine: mean}}",
        "epochs: 3, batch_size: 16": "epochs: 1, batch_size: 4096",
    }
)


def row(draw: np.random.Generator) -> Example:
    before = draw.integers(WORDS, size=IDS).tolist()
    return {
        "word": [before[0]],
        "before": before,
        "size": [0.5],
        "size.missing": [0.0],
        "label": [before[0] % LABELS],
        "kind": [0],
        "ends": [1.0],
        "left": [0.5],
        "row.weight": [1.0],
    }


def peak_kib(folder: Path, rows: int) -> int:
    """Of a process of its own that trains an epoch of so many rows."""
    draw = np.random.default_rng(1)
    different = [row(draw) for _ in range(DIFFERENT_ROWS)]
    examples = {"train": different, "eval": different[:100]}
    data = write_data(folder / f"{rows}", SPEC, examples, times=rows // DIFFERENT_ROWS)
    words = ["--data", str(data), "--output", str(folder / f"{rows}-run")]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words], capture_output=True, text=True, check=True
    )
    peak = int(done.stdout.split()[-1])
    print(f"{rows:,} rows: {peak / 1024:,.0f} MiB")
    return peak


def test_three_times_the_rows_take_hardly_more_memory(tmp_path: Path) -> None:
    assert peak_kib(tmp_path, MANY) <= GROWTH * peak_kib(tmp_path, FEW)
