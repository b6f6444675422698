"""The trainer as Vertex AI's custom training runs it: folders elsewhere, any machine goes on."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import google_storage
import pytest
import tensorflow as tf
from tiny_data import tiny_data

from pipeline.manifest import verify
from trainer.storage import copy_in, files_in, publish_out
from trainer.task import run

FULL = pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="slow; CI_FULL=1 runs it")


@pytest.fixture(params=["ram", pytest.param("gs", marks=FULL)])
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """TensorFlow's in-memory file system, or Google's storage as it is emulated, with data in it.
    Checkpoints are in a local folder, as a mounted bucket is."""
    address = f"{request.param}://{google_storage.BUCKET}"
    said = {
        "AIP_MODEL_DIR": f"{address}/model/",
        "AIP_CHECKPOINT_DIR": f"{tmp_path}/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": f"{address}/logs/",
        "CLOUD_ML_TRIAL_ID": "3",
        "CLOUD_ML_HP_METRIC_FILE": f"{tmp_path}/tuner/output.metrics",
    }
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    google: AbstractContextManager[dict[str, str]] = nullcontext({})
    if request.param == "gs":
        google = google_storage.served(tmp_path)
    with google as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        publish_out(tiny_data(tmp_path / "data"), f"{address}/data")
        yield address


def test_a_machine_that_is_taken_away_is_replaced_by_another(
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = ["--data", f"{bucket}/data", "--epochs=4", "--training.learning_rate", "0.02"]

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("trainer.stage.final_metrics", die)
        with pytest.raises(KeyboardInterrupt):
            run(told)
    assert files_in(f"{bucket}/model") == []
    kept = (tmp_path / "checkpoints" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in kept] == [1, 2, 3, 4]

    capsys.readouterr()
    run(told)
    assert "goes on after step 20" in capsys.readouterr().out
    folder = tmp_path / "model"
    copy_in(f"{bucket}/model", folder)
    verify(folder, stage="run")
    training = json.loads((folder / "spec.json").read_text())["training"]
    assert (training["epochs"], training["learning_rate"]) == (4, 0.02)
    logs = files_in(f"{bucket}/logs")
    assert "projector_config.pbtxt" in logs
    assert any("tfevents" in name for name in logs)
    metrics = (tmp_path / "tuner" / "output.metrics").read_text().splitlines()
    losses = [json.loads(line) for line in metrics if "eval_loss" in line]
    assert [line["trial"] for line in losses] == ["3"] * 4

    capsys.readouterr()
    run(told)
    assert "up to date" in capsys.readouterr().out
    assert tf.io.gfile.exists(f"{bucket}/model/manifest.json")
