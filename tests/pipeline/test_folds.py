"""Folds are runs of their own, and what they say is summed up."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import folds
from pipeline.failures import Exit, Failure
from pipeline.folders.output import Output
from pipeline.running.settings import fold_setting

SPEC = """
name: folds
inputs: {x: {kind: number}}
heads: {y: {kind: binary}}
split: {by: row}
training: {epochs: 1, batch_size: 64}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def test_every_row_is_tested_once_and_the_figures_are_those_of_the_runs(
    tmp_path: Path, spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=300)
    lines = [f"{value:.4f},{int(value > 0)}" for value in x]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y", *lines]) + "\n")
    output = tmp_path / "out"
    arguments = ["--spec", str(spec), "--input", str(tmp_path / "rows.csv")]
    folds.run([*arguments, "--output", str(output), "--folds", "2"])
    said = json.loads((output / "folds.json").read_text())
    runs = [Output(output / f"fold-{fold}").run for fold in (1, 2)]
    assert [run.spec.split.fold for run in runs] == ["1/2", "2/2"]  # type: ignore[union-attr]
    found = said["heads"]["y"]
    assert sum(found["targets"]["values"]) == 300
    losses = [run.metrics["test"]["y"]["log_loss"] for run in runs]
    assert found["log_loss"]["values"] == losses
    assert found["log_loss"]["mean"] == statistics.fmean(losses)
    assert found["log_loss"]["deviation"] == pytest.approx(np.std(losses, ddof=1))
    constant = [run.metrics["baselines"]["y"]["constant"]["test"]["log_loss"] for run in runs]
    assert found["log_loss"]["constant"] == statistics.fmean(constant)
    assert "y (test, 2 folds)" in capsys.readouterr().out


def test_a_fold_is_a_setting_of_the_spec(spec: Path) -> None:
    assert fold_setting(spec, [], "3/5") == "split.fold=3/5"
    assert fold_setting(spec, ["split={by: hash, columns: [x]}"], "1/2") == "split.fold=1/2"
    with pytest.raises(Failure, match=r"by hash or by row.* Received: by: time") as failed:
        fold_setting(spec, ["split={by: time, column: x}"], "1/2")
    assert failed.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("fold", ["0/2", "3/2", "1/1", "3/", "a/b", "1/2/3"])
def test_what_is_no_fold_is_refused(tmp_path: Path, spec: Path, fold: str) -> None:
    spec.write_text(SPEC.replace("by: row", f"by: row, fold: {fold}"))
    with pytest.raises(Failure, match="third of five folds") as failed:
        folds.run(["--spec", str(spec), "--input", "x", "--output", str(tmp_path)])
    assert failed.value.exit_code == Exit.USAGE


def test_a_metric_that_some_folds_lack_is_the_mean_of_the_others() -> None:
    measured: list[dict[str, Any]] = [
        {"test": {"y": {"loss": 1.0, "auc": None}}, "baselines": {}},
        {"test": {"y": {"loss": 3.0, "auc": 0.5}}, "baselines": {}},
        {"test": {}, "baselines": {}},
    ]
    found = folds.summed_up(measured)["y"]
    assert found["loss"]["mean"] == 2 and found["auc"]["mean"] == 0.5
    assert found["auc"] == {
        "mean": 0.5,
        "deviation": None,
        "constant": None,
        "values": [None, 0.5, None],
    }
    assert folds.table("y", found, 3).splitlines()[2].split()[:3] == ["auc", "0.5000", "-"]
