"""The scorer in an environment of its own: nothing but its extra, small, and soon ready."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest
from small_run import exported, small_rows

ROOT = Path(__file__).parents[2]
MOST_BYTES = 300_000_000
MOST_SECONDS = 1.0
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_transform", "onnx", "pydantic")
START = """
import time; started = time.monotonic()
import pyarrow.parquet, sys
from serving.scorer import Scorer
scorer = Scorer(sys.argv[1]); scorer.score(pyarrow.parquet.read_table(sys.argv[2]).slice(0, 1))
print(time.monotonic() - started)
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with `.[score]`, from the lock of this Python."""
    folder, source = (tmp_path_factory.mktemp(name) for name in ("environment", "source"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in (
        "kinds",
        "pipeline",
        "trainer",
        "serving",
    ):  # a build leaves files where it is made
        shutil.copytree(ROOT / package, source / package)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    minor = "".join(map(str, sys.version_info[:2]))
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    lock = str(ROOT / "requirements" / f"py{minor}-score.txt")
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", lock], check=True)
    subprocess.run([*pip, "--no-deps", f"{source}[score]"], check=True)
    return folder / "bin" / "python"


def of(python: Path, *words: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, *words], check=True, capture_output=True, text=True, cwd=cwd, env=clean
    )
    return done.stdout


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    pyarrow.parquet.write_table(small_rows(30), tmp_path / "rows.parquet")
    return tmp_path / "rows.parquet"


def test_it_scores_without_any_library_of_training(python: Path, rows: Path) -> None:
    found = f"from importlib.util import find_spec; print([m for m in {HEAVY} if find_spec(m)])"
    assert of(python, "-c", found, cwd=rows.parent).strip() == "[]"
    model, output = exported() / "model" / "model.onnx", rows.parent / "s.jsonl"
    words = ["-m", "serving.score", "--model", model, "--input", rows, "--output", output]
    assert of(python, *map(str, words), cwd=rows.parent).startswith("30 rows scored, 0 rejected, ")
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [line["key"] for line in lines] == [f"row {at}" for at in range(30)]


def test_it_is_small(python: Path) -> None:
    folders = (python.parent.parent / "lib").glob("python*/site-packages/*")
    ours = [path for path in folders if not path.name.startswith("pip")]
    files = [f for path in ours for f in (path.rglob("*") if path.is_dir() else [path])]
    counted = [f for f in files if f.is_file() and f.suffix != ".pyc"]
    assert 0 < sum(file.stat().st_size for file in counted) <= MOST_BYTES


@pytest.mark.skipif("CI_FULL" not in os.environ, reason="a second needs a quiet machine: CI_FULL=1")
def test_the_first_row_is_scored_within_a_second(python: Path, rows: Path) -> None:
    model = exported() / "model" / "model.onnx"
    of(python, "-c", START, model, rows, cwd=rows.parent)  # compiles the libraries' sources
    seconds = []
    for _ in range(3):
        seconds.append(float(of(python, "-c", START, model, rows, cwd=rows.parent)))
        time.sleep(0.1)
    assert min(seconds) <= MOST_SECONDS
