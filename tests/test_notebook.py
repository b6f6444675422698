"""The notebook runs from its first cell to its last, in a fresh kernel and an empty folder."""

import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


def results(notebook: Any) -> list[str]:
    """What the cells gave back as their value, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [o.data["text/plain"] for o in outputs if o.output_type == "execute_result"]


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    rows, phases, accepted, labels, shape = results(notebook)
    assert "'tokens'" in rows and "Phases(every=2" in phases
    assert len(accepted.split(",")) == 1
    assert len(labels.split(",")) == 5
    assert shape == "(50, 128)"
    assert (tmp_path / "OUT" / "model" / "model.onnx").exists()
