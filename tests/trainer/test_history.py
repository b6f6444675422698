"""The history says the same to people, to scripts and to TensorBoard."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

from trainer.reporting.history import History, scalars

LINE = {"epoch": 2, "eval": {"label": 1.5, "kind": 0.25}, "learning_rate": 0.01}
PHASE = {
    "before_epoch": 2,
    "phases": [
        {"block": "common", "method": "kfac", "accepted": True, "objective": [2.0, 1.0]},
        {"block": "other", "held_out_loss": [None, None], "seconds": 3.5, "step_lengths": [1.0]},
    ],
}


def written(folder: Path) -> dict[str, tuple[int, float, str]]:
    """Name to (step, value, plugin), read back from the event files."""
    found = {}
    for path in folder.glob("*tfevents*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                number = float(tf.make_ndarray(value.tensor))
                found[value.tag] = (event.step, number, value.metadata.plugin_data.plugin_name)
    return found


def test_a_line_goes_to_the_file_and_its_numbers_to_tensorboard(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl", str(tmp_path / "events"))
    history.append(LINE)
    assert [json.loads(line) for line in history.path.read_text().splitlines()] == [LINE]
    found = written(Path(history.events))
    assert {name: value for name, (_, value, _) in found.items()} == pytest.approx(
        {"eval/label": 1.5, "eval/kind": 0.25, "learning_rate": 0.01}
    )
    assert {(step, plugin) for step, _, plugin in found.values()} == {(2, "scalars")}


def test_each_phase_is_there_under_the_name_of_its_block() -> None:
    assert dict(scalars(PHASE)) == {
        "phases/common/accepted": 1.0,
        "phases/common/objective/before": 2.0,
        "phases/common/objective/after": 1.0,
        "phases/other/seconds": 3.5,
    }
