"""What of an earlier run learns on: its settings, the rows that are read, the rows that move."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_data import ENTRIES, LABELS, WORDS, tiny_data, tiny_examples, tiny_spec, write_data

from pipeline.folders.run import RunFolder
from pipeline.spec import Training
from trainer.data import collect
from trainer.data_folder import read_data
from trainer.run import Run, make_run, run_features
from trainer.run import count_train_rows as columns
from trainer.starting import Start, continued, shortened
from trainer.starting.fold_in import with_new_rows
from trainer.task import run
from trainer.training.rate import learning_rate
from trainer.training.train import train_run
from trainer.training.train_step import of_rows
from trainer.training.warm_start import warm_start

GROWN = ENTRIES | {"words": WORDS + 3}
ALSO_LABELS = GROWN | {"labels": LABELS + 2}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    tiny_data(folder / "data")
    run(["--data", str(folder / "data"), "--output", str(folder / "run"), "--epochs=1"])
    return folder / "run"


def opened(folder: Path, earlier: Path, entries: dict[str, int]) -> Run:
    """A run in which only new ids learn; some of the new words are in some rows."""
    draw = np.random.default_rng(4)
    rows = {side: tiny_examples(count, seed=7) for side, count in (("train", 300), ("eval", 60))}
    for of_side in rows.values():
        for row in of_side[::10]:
            row["word"] = [int(draw.integers(WORDS, WORDS + 3))]  # type: ignore[index]
            row["label"] = [int(draw.integers(LABELS, entries["labels"] + 1))]  # type: ignore[index]
    write_data(folder / "data", tiny_spec(), rows, entries=entries)
    data, spec = read_data(folder / "data"), tiny_spec()
    grown = {n: (had, entries[n]) for n, had in ENTRIES.items() if entries[n] > had}
    start = Start(RunFolder(earlier), "new", grown)
    return make_run(data, spec, columns(data, spec), run_features(data, spec), start=start)


def weight(made: Run) -> float:
    rows = collect(made.batches("train"), made.features, made.rows("train"))
    return float(rows["row.weight"].sum())


def test_only_rows_with_a_new_id_are_read(earlier: Path, tmp_path: Path) -> None:
    made = opened(tmp_path, earlier, GROWN)
    some = with_new_rows(made, made.start or Start(RunFolder(earlier)))
    assert 30 <= some.rows("train") < 300
    for batch in some.batches("train"):
        words = [batch.features["word"].numpy()[:, None], batch.features["before"].numpy()]
        there = np.concatenate(words, axis=1)
        assert ((there >= WORDS) & (there < WORDS + 3)).any(axis=1).all()
    assert sum(1 for _ in some.train_batches(0, 0)) == -(-some.rows("train") // 16)


def test_beside_a_new_label_other_rows_are_drawn_for_all(earlier: Path, tmp_path: Path) -> None:
    made = opened(tmp_path, earlier, ALSO_LABELS)
    some = with_new_rows(made, made.start or Start(RunFolder(earlier)))
    assert some.rows("train") < 250
    assert weight(some) == pytest.approx(weight(made), rel=0.5)


def test_rows_of_old_ids_do_not_move(earlier: Path, tmp_path: Path) -> None:
    made = opened(tmp_path, earlier, ALSO_LABELS)
    warm_start(made, earlier)
    before = {name: v.numpy().copy() for name, v in made.network.state().items()}
    train_run(with_new_rows(made, made.start or Start(RunFolder(earlier))), tmp_path, quiet=True)
    moved = {
        name: np.flatnonzero((v.numpy() != before[name]).reshape(len(before[name]), -1).any(axis=1))
        for name, v in made.network.state().items()
    }
    there = {name: rows.tolist() for name, rows in moved.items() if len(rows)}
    words, labels = list(range(WORDS, WORDS + 3)), list(range(LABELS, LABELS + 2))
    assert sorted(there.values()) == sorted([words, labels, labels])


def test_the_gradient_of_other_rows_is_nothing() -> None:
    rows = tf.constant([False, True, True])
    dense: Any = of_rows(tf.ones([3, 2]), rows)
    sparse: Any = of_rows(tf.IndexedSlices(tf.ones([2, 2]), tf.constant([0, 2]), [3, 2]), rows)
    assert tf.reduce_sum(dense, axis=1).numpy().tolist() == [0, 2, 2]
    assert tf.reduce_sum(sparse.values, axis=1).numpy().tolist() == [0, 2]
    assert of_rows(None, rows) is None


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_what_goes_on_takes_a_third_of_the_steps_from_the_whole_rate_down_to_0(
    schedule: str,
) -> None:
    said = {"epochs": 7, "steps": 100, "learning_rate": 0.06, "warmup_steps": 9}
    short = shortened(Training.model_validate(said | {"schedule": schedule}))
    assert (short.epochs, short.steps, short.warmup_steps) == (3, 34, 0)
    rates = [
        learning_rate(
            step, base=short.learning_rate, schedule=short.schedule, warmup_steps=0, total_steps=34
        )
        for step in (0, 34)
    ]
    assert rates == [0.06, 0]


def test_new_ids_learn_without_decay_and_at_the_rate_of_a_beginning() -> None:
    earlier = tiny_spec(replace={"epochs: 3": "epochs: 3, weight_decay: 0.1, averaging: 0.9"})
    training = continued(tiny_spec(), earlier, "new").training
    assert (training.weight_decay, training.averaging) == (None, None)
    assert training.learning_rate == earlier.training.learning_rate


@pytest.mark.parametrize(
    ("learn", "moves"),
    [("common", {"shared.common.0"}), ("heads", {f"{n}.logits" for n in tiny_spec().heads})],
)
def test_a_part_learns_and_nothing_else_moves_by_a_bit(
    earlier: Path, tmp_path: Path, learn: str, moves: set[str]
) -> None:
    data = tiny_data(tmp_path / "data")
    command = ["--data", str(data), "--output", str(tmp_path / "run"), "--learn", learn]
    run([*command, "--warm-start", str(earlier)])
    before, after = (
        {layer.name: layer.get_weights() for layer in keras.saving.load_model(path).layers}
        for path in (earlier / "model.keras", tmp_path / "run" / "model.keras")
    )
    moved = {
        name
        for name, old in before.items()
        if not all(np.array_equal(*pair) for pair in zip(old, after[name], strict=True))
    }
    assert moved == moves


def test_nothing_new_changes_nothing(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_data(tmp_path / "data")
    command = ["--data", str(data), "--output", str(tmp_path / "run")]
    run([*command, "--warm-start", str(earlier), "--learn", "new"])
    assert "new ids: none; learned from 0 of 70" in capsys.readouterr().out
    metrics = [json.loads((of / "metrics.json").read_text()) for of in (earlier, tmp_path / "run")]
    for name, of_head in metrics[0]["eval"].items():
        assert metrics[1]["eval"][name] == pytest.approx(of_head, rel=1e-4)


def test_learn_goes_with_an_earlier_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(["--data", str(tmp_path), "--output", str(tmp_path / "run"), "--learn", "new"])
    assert "--learn goes with --warm-start" in capsys.readouterr().err
