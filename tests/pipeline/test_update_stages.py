"""The stages of an update are the commands that somebody would give."""

import shlex
from pathlib import Path
from typing import Any

from pipeline.folders.versions import VersionFolder, WorkFolder
from pipeline.rows.csv_dialect import AS_FOUND
from pipeline.updating.stages import Asked, commands

TRAINING = {"epochs": 7, "learning_rate": 0.006}


def lines(**more: Any) -> dict[str, str]:
    said = {"settings": [], "max_bad_fraction": 0.01, "csv": AS_FOUND, "cache": Path("CACHE")}
    said |= {"infinity_norm": 0.01, "jensen_shannon": 0.01, "training": TRAINING}
    asked = Asked(files=["a.csv", "b.csv"], new=["b.csv"], **{**said, **more})
    made = commands(asked, VersionFolder(Path("OLD")), WorkFolder(Path("WORK")))
    return {command.stage: shlex.join(command.arguments) for command in made}


def test_new_rows_are_compared_with_the_old_all_rows_are_prepared_and_training_goes_on() -> None:
    assert lines() == {
        "drift": "pipeline.drift --data OLD/prepared --input b.csv --json WORK/drift.json "
        "--infinity-norm 0.01 --jensen-shannon 0.01 --max-bad-fraction 0.01",
        "prepare": "pipeline.prepare --spec OLD/run/spec.json --input a.csv b.csv --output "
        "WORK/data --cache CACHE --max-bad-fraction 0.01 --extend OLD/prepared",
        "train": "trainer.task --data WORK/data --output WORK/version/run --spec "
        "OLD/run/spec.json --warm-start OLD/run --learn all --set training.epochs=3 "
        "--set training.learning_rate=0.006",
        "export": "serving.export --run WORK/version/run --output WORK/version/model",
        "compare": "serving.compare OLD/model/model.onnx WORK/version/model/model.onnx a.csv "
        "b.csv --side test --output WORK/compared.json",
    }


def test_where_a_part_alone_learns_numbers_are_scaled_as_they_were() -> None:
    for learn in ("heads", "common", "new"):
        found = lines(learn=learn)
        assert " --keep-numbers" in found["prepare"] and f" --learn {learn}" in found["train"]
    assert "training.epochs=14 --set training.learning_rate=0.006" in lines(learn="new")["train"]
    assert "--set" not in lines(learn="common")["train"]


def test_versions_far_from_the_first_train_as_long_as_the_second() -> None:
    """What `trainer.task --warm-start` does by itself lowers the steps of the run before, so that
    after ten versions there would be one. Fold-in leaves decay and means out, for itself alone."""
    first = {**TRAINING, "steps": 900, "weight_decay": 0.1, "averaging": 0.99}
    for learn in ("all", "heads"):
        said = lines(training=first, learn=learn)["train"]
        for setting in ("steps=300", "weight_decay=0.1", "averaging=0.99"):
            assert f" --set training.{setting}" in said
    said = lines(training=first, learn="new")["train"]
    assert not [name for name in ("steps", "decay", "averaging") if name in said]


def test_what_is_asked_for_is_passed_on() -> None:
    found = lines(window="90d", settings=["trunk.dropout=0.2"], fail_on_drift=True, side="eval")
    assert " --window 90d" in found["prepare"] and " --set trunk.dropout=0.2" in found["prepare"]
    assert found["train"].endswith(" --set trunk.dropout=0.2")
    assert found["drift"].endswith(" --fail-on-drift") and " --side eval " in found["compare"]


def test_values_are_numbered_anew_on_request() -> None:
    assert " --extend " in lines()["prepare"]
    assert " --extend " not in lines(compact=True)["prepare"]
    assert lines(compact=True)["train"] == lines()["train"]
