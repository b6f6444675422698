"""How much memory one large cell takes from the file to its type: a few times its own size."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

# Bytes of a cell, and how often they may be in memory at once.
TEXT, TEXT_TIMES = "x" * 10_000_000, 6
TOKENS, TOKENS_TIMES = " ".join(f"w{at % 9973}" for at in range(1_000_000)), 10

READER = """
import re, sys
from pathlib import Path
from pipeline import rows
from pipeline.casting import Field, cast

def resident(key):
    return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def read(path):
    for batch in rows.read(path, ["a"]):
        typed, good, _ = cast(batch.rows, [Field("a", sys.argv[3])])
        yield len(good)

list(read(sys.argv[1]))  # what is loaded once
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
print(list(read(sys.argv[2])), resident("VmHWM") - before)
"""


def _write(path: Path, cell: str) -> str:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table({"a": [cell]}), path)
    else:
        path.write_text(f"a\n{cell}\n" if path.suffix == ".csv" else json.dumps({"a": cell}))
    return str(path)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("cell", "kind", "times"), [(TEXT, "text", TEXT_TIMES), (TOKENS, "list", TOKENS_TIMES)]
)
def test_a_large_cell_is_a_row_and_a_few_times_itself(
    tmp_path: Path, suffix: str, cell: str, kind: str, times: int
) -> None:
    small = _write(tmp_path / f"small.{suffix}", "x y")
    large = _write(tmp_path / f"large.{suffix}", cell)
    command = [sys.executable, "-c", READER, small, large, kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.fullmatch(r"\[1\] (\d+)\n", done.stdout)
    assert found, done.stdout
    assert len(cell) < int(found[1]) < times * len(cell)
