"""The command: what it publishes, and when it does nothing or refuses."""

import json
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from tiny_data import floats, ints, tiny_data, tiny_spec

from pipeline.failures import Exit, Failure
from pipeline.manifest import verify
from trainer.task import run


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a run made of it."""
    folder = tmp_path_factory.mktemp("out")
    tiny_data(folder / "data")
    run(["--data", str(folder / "data"), "--output", str(folder / "run")])
    return folder


def test_the_run_folder_is_complete_in_itself(out: Path) -> None:
    manifest = verify(out / "run", stage="run")
    names = {name.split("/")[0] for name in manifest.files}
    assert names == {
        "history.jsonl",
        "labels",
        "metrics.json",
        "model.keras",
        "samples.parquet",
        "spec.json",
        "statistics.json",
        "tensorboard",
        "vocabulary",
    }
    assert not (out / ".staging-run").exists()


def test_metrics_stand_beside_their_baselines(out: Path) -> None:
    metrics = json.loads((out / "run" / "metrics.json").read_text())
    sections = {"eval", "test", "baselines", "below_baseline", "temperatures", "unknown_targets"}
    assert set(metrics) == sections | {
        "intervals",
        "baseline_intervals",
        "calibration",
        "thresholds",
    }
    low, high = metrics["intervals"]["test"]["label"]["log_loss"]
    assert low < metrics["test"]["label"]["log_loss"] < high
    assert set(metrics["below_baseline"]) == {"eval", "test"}
    assert set(metrics["unknown_targets"]) == {"label", "kind"}
    assert set(metrics["test"]) == {"label", "kind", "ends", "left"}
    constant = metrics["baselines"]["label"]["constant"]["test"]
    assert set(constant) <= set(metrics["test"]["label"])
    low, high = metrics["baseline_intervals"]["label"]["constant"]["test"]["log_loss"]
    assert low < constant["log_loss"] < high
    assert metrics["baselines"]["label"]["strongest_input"]["input"] == "word"
    lines = (out / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_tensorboard_has_every_heads_losses_and_metrics(out: Path) -> None:
    tags: dict[str, int] = {}
    for path in (out / "run" / "tensorboard").glob("*tfevents*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            tags |= {value.tag: event.step for value in event.summary.value}
    heads = ("label", "kind", "ends", "left")
    assert {f"{side}/{head}" for side in ("train", "eval") for head in heads} <= set(tags)
    metrics = json.loads((out / "run" / "metrics.json").read_text())
    final = {f"test/{h}/{m}" for h, of_head in metrics["test"].items() for m in of_head}
    assert final <= set(tags)
    assert {tags[name] for name in final} == {3}


def test_the_saved_model_takes_features_by_name(out: Path) -> None:
    model = keras.saving.load_model(out / "run" / "model.keras")
    features = {
        "word": ints([1, 2]),
        "before": ints([[13, 13, 1, 2], [1, 2, 3, 4]]),
        "size": floats([0.5, -1]),
        "size.missing": floats([0, 0]),
    }
    shapes = {name: tuple(value.shape) for name, value in model(features).items()}
    assert shapes == {"label": (2, 7), "kind": (2, 4), "ends": (2,), "left": (2,)}


def test_the_same_again_does_nothing(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (out / "run" / "manifest.json").stat().st_mtime_ns
    run(["--data", str(out / "data"), "--output", str(out / "run")])
    assert "up to date" in capsys.readouterr().out
    assert (out / "run" / "manifest.json").stat().st_mtime_ns == before


def test_the_spec_as_it_would_be_used_is_printed_and_nothing_made(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    arguments = ["--data", str(out / "data"), "--output", str(tmp_path / "run")]
    run([*arguments, "--training.seed=5", "--print-config"])
    assert json.loads(capsys.readouterr().out)["training"]["seed"] == 5
    assert not (tmp_path / "run").exists()


def test_another_spec_over_the_same_data_needs_force(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(tiny_spec(replace={"epochs: 3": "epochs: 1"}).to_json())
    with pytest.raises(Failure, match="--force") as failed:
        run(["--data", str(out / "data"), "--output", str(out / "run"), "--spec", str(path)])
    assert failed.value.exit_code == Exit.OCCUPIED


def test_a_spec_for_other_examples_is_refused(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(tiny_spec(replace={"length: 4": "length: 5"}).to_json())
    arguments = ["--data", str(out / "data"), "--output", str(tmp_path / "run")]
    with pytest.raises(Failure, match="prepare again") as failed:
        run([*arguments, "--spec", str(path)])
    assert failed.value.exit_code == Exit.USAGE
