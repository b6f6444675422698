"""A run in MLflow: its parameters, its metrics by epoch, its spec; resumed, it is the same run."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tiny_data import tiny_spec

from pipeline.failures import Exit, Failure
from trainer.reporting.tracking import tracked

LINES: list[dict[str, Any]] = [
    {"epoch": n, "eval_loss": 1.0 / n, "train": {"label": 2.0 / n}} for n in (1, 2, 3)
]
METRICS = {"test": {"label": {"accuracy@10": 0.5}}}


def follow(folder: Path, store: dict[str, str], lines: list[dict[str, Any]]) -> None:
    with tracked(tiny_spec(), folder, store) as tracking:
        for line in lines:
            for tell in tracking.epochs:
                tell(line)
        tracking.result(METRICS)


def test_parameters_epochs_results_and_the_spec_are_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = {"MLFLOW_TRACKING_URI": (tmp_path / "store").as_uri()}
    for name, value in {**store, "MLFLOW_ALLOW_FILE_STORE": "true"}.items():
        monkeypatch.setenv(name, value)
    work = tmp_path / "work"
    work.mkdir()
    follow(work, store, LINES[:2])
    follow(work, store, LINES[2:])  # resumed
    client = MlflowClient()
    [experiment] = [e for e in client.search_experiments() if e.name == "tiny"]
    [found] = client.search_runs([experiment.experiment_id])
    assert found.data.params["training.batch_size"] == "16"
    assert found.data.metrics["test/label/accuracy at 10"] == 0.5
    history = client.get_metric_history(found.info.run_id, "eval_loss")
    assert [(m.step, m.value) for m in history] == [(n, 1.0 / n) for n in (1, 2, 3)]
    [artefact] = client.list_artifacts(found.info.run_id)
    assert artefact.path == "spec.json"
    assert found.info.status == "FINISHED"


def test_nobody_is_told_where_no_store_is_named(tmp_path: Path) -> None:
    with tracked(tiny_spec(), tmp_path, {}) as tracking:
        tracking.result(METRICS)
        assert tracking.epochs == ()
    assert list(tmp_path.iterdir()) == []


def test_mlflow_is_asked_for_by_name_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    store = {"MLFLOW_TRACKING_URI": str(tmp_path)}
    with (
        pytest.raises(Failure, match=r"shared-weights\[tracking\]") as failed,
        tracked(tiny_spec(), tmp_path, store),
    ):
        pass
    assert failed.value.exit_code == Exit.ENVIRONMENT
