"""How much memory one large cell takes from the file to its type: less than five times its own."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

TEXT = "x" * 10_000_000
TOKENS = [f"w{at % 9973}" for at in range(1_000_000)]
TIMES = 5
# Beside cells of less than a megabyte there are the reader's own blocks.
SMALL_CELLS_BYTES = 8 << 20
TRIES = 3

READER = """
import re, sys
from pathlib import Path
from pipeline import rows
from kinds.columns import Field, cast

def resident(key):
    return int(re.search(key + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

def read(path):
    for batch in rows.read(path, ["a"]):
        typed, good, _ = cast(batch.rows, [Field("a", sys.argv[3])])
        yield typed.column(0).nbytes, len(good)

list(read(sys.argv[1]))  # what is loaded once
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
print(list(read(sys.argv[2])), resident("VmHWM") - before)
"""


def _write(path: Path, cell: str | list[str]) -> str:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pa.table({"a": [cell]}), path)
    else:
        path.write_text(f"a\n{cell}\n" if path.suffix == ".csv" else json.dumps({"a": cell}))
    return str(path)


def _taken(folder: Path, suffix: str, cell: str | list[str], kind: str, most: int) -> int:
    """Bytes of memory that reading and typing the cell took at their peak.

    It is tried again where they are not below `most`: Arrow's readers read ahead or not, as their
    threads happen to run.
    """
    small = _write(folder / f"small.{suffix}", "x y" if isinstance(cell, str) else ["x", "y"])
    large = _write(folder / f"large.{suffix}", cell)
    command = [sys.executable, "-c", READER, small, large, kind]
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        found = re.fullmatch(r"\[\((\d+), 1\)\] (\d+)\n", done.stdout)
        assert found, done.stdout
        taken = int(found[2])
        assert int(found[1]) < taken
        if taken < most:
            break
    return taken


@pytest.mark.parametrize(
    ("suffix", "cell", "kind"),
    [
        *((suffix, TEXT, "text") for suffix in ("csv", "jsonl", "parquet")),
        *((suffix, " ".join(TOKENS), "list") for suffix in ("csv", "jsonl", "parquet")),
        *((suffix, TOKENS, "list") for suffix in ("jsonl", "parquet")),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 10 else "",
)
def test_a_large_cell_takes_less_than_five_times_its_memory(
    tmp_path: Path, suffix: str, cell: str | list[str], kind: str
) -> None:
    most = TIMES * len(cell if isinstance(cell, str) else json.dumps(cell))
    assert _taken(tmp_path, suffix, cell, kind, most) < most


def test_a_json_list_within_a_text_is_not_made_of_python_strings(tmp_path: Path) -> None:
    """They would take twenty times its memory."""
    cell = json.dumps(TOKENS)
    assert _taken(tmp_path, "jsonl", cell, "list", 9 * len(cell)) < 9 * len(cell)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("cell", "kind"), [("x" * 1_000_000, "text"), (" ".join(TOKENS[:10_000]), "list")]
)
def test_smaller_cells_take_a_few_megabytes(
    tmp_path: Path, suffix: str, cell: str, kind: str
) -> None:
    assert _taken(tmp_path, suffix, cell, kind, SMALL_CELLS_BYTES) < SMALL_CELLS_BYTES
