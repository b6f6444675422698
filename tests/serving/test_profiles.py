"""Files for where they are to run: BigQuery's old onnxruntime, Triton's folders."""

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from small_run import exported, small_rows

from kinds.columns import cast
from pipeline.failures import Exit, Failure
from serving import export
from serving.exporting.graph import check
from serving.exporting.profiles import PROFILES
from serving.model_file.feeds import feeds
from serving.scorer import Scorer

MODEL = "model.onnx"


class Runtime(NamedTuple):
    """An old onnxruntime, a Python that it runs in, and a variable that names one which has it."""

    version: str
    python: str
    variable: str

    @property
    def packages(self) -> tuple[str, str]:
        return f"onnxruntime=={self.version}", "numpy==1.26.4"


OLDEST = {
    "bigquery": Runtime("1.12.1", "python3.10", "OLD_RUNTIME_PYTHON"),
    "default": Runtime("1.18.0", "python3.11", "OLDEST_RUNTIME_PYTHON"),
}
RUN_OLD = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
feeds = dict(np.load(sys.argv[2], allow_pickle=True))
results = session.run(None, feeds)
np.savez(sys.argv[3], **dict(zip([o.name for o in session.get_outputs()], results)))
print(onnxruntime.__version__)
"""


@functools.cache
def folder_of(profile: str) -> Path:
    parent = Path(tempfile.mkdtemp(prefix="small-profile-"))
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    folder = parent / "model"
    words = ["--run", str(exported() / "run"), "--output", str(folder), "--profile", profile]
    export.run(words)
    return folder


def test_bigquery_gets_the_versions_that_it_imports() -> None:
    model = onnx.load(folder_of("bigquery") / MODEL)
    assert model.ir_version <= 8
    assert {o.domain: o.version for o in model.opset_import} == {"": 17, "ai.onnx.ml": 3}
    rows = small_rows(50)
    old, new = (Scorer(path / MODEL) for path in (folder_of("bigquery"), exported() / "model"))
    assert old.score(rows).equals(new.score(rows))


def test_a_file_of_more_bytes_than_the_profile_allows_is_refused() -> None:
    model = onnx.load(folder_of("bigquery") / MODEL)
    with pytest.raises(Failure, match="at most 1,000 bytes") as failure:
        check(model, 1000)
    assert failure.value.exit_code == Exit.USAGE
    assert PROFILES["bigquery"].most_bytes == 450_000_000


def test_triton_gets_a_model_repository() -> None:
    folder = folder_of("triton")
    assert (folder / "small" / "1" / MODEL).exists()
    config = (folder / "small" / "config.pbtxt").read_text()
    assert config.startswith('name: "small"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 0\n')
    tensors = re.findall(r'name: "([^"]+)" data_type: (\w+) dims: \[ ([-\d, ]+) \]', config)
    assert tensors[:3] == [
        ("word", "TYPE_STRING", "-1"),
        ("previous", "TYPE_STRING", "-1, 4"),
        ("age", "TYPE_FP32", "-1"),
    ]
    assert ("next.labels", "TYPE_STRING", "-1, -1") in tensors
    assert tensors[-1] == ("many.value", "TYPE_FP32", "-1")
    assert Scorer(folder / "small" / "1" / MODEL).metadata.name == "small"


def old_python(folder: Path, runtime: "Runtime") -> Path:
    """A Python with an old onnxruntime. Skips the test where there is none."""
    if given := os.environ.get(runtime.variable):
        return Path(given)
    if "CI_FULL" not in os.environ:
        pytest.skip(f"slow: CI_FULL=1 or {runtime.variable}=... runs it")
    if (python := shutil.which(runtime.python)) is None:
        pytest.skip(f"there is no {runtime.python} on this machine")
    subprocess.run([python, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    if subprocess.run([*install, *runtime.packages], check=False).returncode:
        pytest.skip(f"{' '.join(runtime.packages)} cannot be installed here")
    return folder / "bin" / "python"


@pytest.mark.parametrize("profile", OLDEST)
def test_a_file_runs_under_the_oldest_onnxruntime_that_is_promised(
    tmp_path: Path, profile: str
) -> None:
    python = old_python(tmp_path / "old", OLDEST[profile])
    model, rows = folder_of(profile) / MODEL, small_rows(64)
    scorer = Scorer(model)
    (batch,) = rows.combine_chunks().to_batches()
    typed, _, _ = cast(batch, scorer.metadata.fields)
    inputs: dict[str, Any] = dict(feeds(typed, scorer.metadata.fields, scorer.metadata.lengths))
    np.savez(tmp_path / "in.npz", **inputs)
    (tmp_path / "run.py").write_text(RUN_OLD)
    words = [python, tmp_path / "run.py", model, tmp_path / "in.npz", tmp_path / "out.npz"]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.stdout.strip() == OLDEST[profile].version
    got, expected = dict(np.load(tmp_path / "out.npz", allow_pickle=True)), scorer.score(rows)
    assert got["next.labels"].tolist() == expected.column("next.labels").to_pylist()
    for name in ("next.scores", "tags.scores"):
        np.testing.assert_allclose(got[name], expected.column(name).to_pylist(), atol=1e-5)
    for name in ("ends.score", "left.value", "many.value"):
        np.testing.assert_allclose(got[name], expected.column(name), rtol=1e-5, atol=1e-5)
