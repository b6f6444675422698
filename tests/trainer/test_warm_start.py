"""A run that starts from another scores as that one did, whatever was added to its vocabularies."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tiny_data import (
    ENTRIES,
    LABELS,
    WORDS,
    floats,
    ints,
    tiny_data,
    tiny_examples,
    tiny_spec,
    write_data,
)

from pipeline.failures import Exit, Failure
from pipeline.spec import Spec
from trainer.data_folder import read_data
from trainer.network.trained_model import trained_model
from trainer.run import Run, open_run
from trainer.task import run
from trainer.training.warm_start import warm_start

MORE_WORDS, MORE_LABELS = 3, 2
ROWS = tiny_examples(40, seed=8)
# The outputs of new labels, and of what has none.
NEW = range(LABELS, LABELS + MORE_LABELS + 1)
GROWN = ENTRIES | {"words": WORDS + MORE_WORDS, "labels": LABELS + MORE_LABELS}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    tiny_data(folder / "data")
    run(["--data", str(folder / "data"), "--output", str(folder / "run")])
    return folder / "run"


def _opened(folder: Path, spec: Spec | None = None, entries: Mapping[str, int] = GROWN) -> Run:
    rows = {"train": ROWS, "eval": tiny_examples(20, seed=9)}
    spec = spec or tiny_spec()
    write_data(folder / "data", spec, rows, entries=entries)
    return open_run(read_data(folder / "data"), spec)[0]


def _features(words: list[int], known: int) -> dict[str, np.ndarray]:
    """Ids of the earlier vocabulary as they are with `known` values: the last two are special."""
    moved = [known + (word - WORDS) if word >= WORDS else word for word in words]
    before = np.array([moved[-1:] * 2 + moved[:2]] * len(moved))
    return {
        "word": ints(moved),
        "before": ints(before),
        "size": floats(np.linspace(-1, 1, len(moved))),
        "size.missing": floats(np.zeros(len(moved))),
    }


def _scores(logits: Any) -> np.ndarray:
    return np.asarray(keras.ops.softmax(logits))


def test_an_untrained_extension_scores_as_before(earlier: Path, tmp_path: Path) -> None:
    words = list(range(WORDS + 2))
    old = keras.saving.load_model(earlier / "model.keras")(_features(words, WORDS))
    temperatures = json.loads((earlier / "metrics.json").read_text())["temperatures"]
    made = _opened(tmp_path)
    warm_start(made, earlier)
    model = trained_model(made.network, temperatures=temperatures, scales=made.scales)
    new = model(_features(words, GROWN["words"]))
    before, after = _scores(old["label"]), _scores(new["label"])
    assert after.shape[1] == before.shape[1] + MORE_LABELS
    np.testing.assert_allclose(after[:, :LABELS], before[:, :LABELS], rtol=1e-4, atol=1e-7)
    # What was out of vocabulary is shared among the new labels and what still is, by their counts.
    np.testing.assert_allclose(after[:, LABELS:].sum(1), before[:, LABELS], rtol=1e-4)
    labels, weights = ([row[name][0] for row in ROWS] for name in ("label", "row.weight"))
    often = [sum(w for y, w in zip(labels, weights, strict=True) if y == x) or 0.5 for x in NEW]
    shares = after[:, LABELS:] / before[:, LABELS:]
    np.testing.assert_allclose(shares, np.tile(np.divide(often, sum(often)), (len(words), 1)), 1e-4)
    for head in ("kind", "ends", "left"):
        np.testing.assert_allclose(new[head], old[head], rtol=1e-4, atol=1e-5)


def test_a_new_value_starts_as_one_out_of_vocabulary(earlier: Path, tmp_path: Path) -> None:
    made = _opened(tmp_path)
    warm_start(made, earlier)
    table = next(v for v in made.network.groups["tables"]).numpy()
    old = keras.saving.load_model(earlier / "model.keras").get_layer("table.words").get_weights()[0]
    np.testing.assert_array_equal(table[:WORDS], old[:WORDS])
    np.testing.assert_array_equal(table[WORDS:-1], np.tile(old[WORDS], (MORE_WORDS + 1, 1)))
    np.testing.assert_array_equal(table[-1], old[-1])


def test_a_target_in_another_unit_keeps_its_predictions(earlier: Path, tmp_path: Path) -> None:
    """The new data's deviation of `left` is another; what is predicted is the same number."""
    made = _opened(tmp_path, entries=ENTRIES)
    scale = made.scales["left"]
    made.scales["left"] = type(scale)(scale.mean + 3, scale.std * 5)
    warm_start(made, earlier)
    model = trained_model(made.network, temperatures={}, scales=made.scales)
    features = _features(list(range(WORDS)), WORDS)
    old = keras.saving.load_model(earlier / "model.keras")(features)
    np.testing.assert_allclose(model(features)["left"], old["left"], rtol=1e-4, atol=1e-4)


def test_rows_follow_values_not_ids(earlier: Path, tmp_path: Path) -> None:
    made = _opened(tmp_path, entries=ENTRIES)
    path = tmp_path / "data" / "vocabulary" / "words.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[::-1]) + "\n")
    warm_start(made, earlier)
    table = made.network.groups["tables"][0].numpy()
    old = keras.saving.load_model(earlier / "model.keras").get_layer("table.words").get_weights()[0]
    np.testing.assert_array_equal(table[:WORDS], old[:WORDS][::-1])


def test_a_tied_head_and_a_multilabel_one_go_along(tmp_path: Path) -> None:
    label = "label: {kind: classification, vocabulary: labels}"
    kind = "kind: {kind: classification, vocabulary: kinds}"
    spec = tiny_spec(
        replace={
            label: "label: {kind: classification, vocabulary: words, tied: words}",
            kind: "kind: {kind: multilabel, vocabulary: labels}",
            ", kinds: {}": "",
        }
    )
    rows = [{**row, "kind": row["label"]} for row in tiny_examples(40, seed=1)]
    rows = [row for row in rows if row["kind"][0] < LABELS and row["label"][0] >= 0]
    write_data(tmp_path / "old", spec, {"train": rows, "eval": rows})
    command = ["--epochs=1", "--data", str(tmp_path / "old"), "--output", str(tmp_path / "run")]
    run(command)
    write_data(tmp_path / "new", spec, {"train": rows, "eval": rows}, entries=GROWN)
    made = open_run(read_data(tmp_path / "new"), spec)[0]
    warm_start(made, tmp_path / "run")
    temperatures = json.loads((tmp_path / "run" / "metrics.json").read_text())["temperatures"]
    model = trained_model(made.network, temperatures=temperatures, scales=made.scales)
    words = list(range(WORDS + 2))
    old = keras.saving.load_model(tmp_path / "run" / "model.keras")(_features(words, WORDS))
    new = model(_features(words, GROWN["words"]))
    before, after = _scores(old["label"]), _scores(new["label"])
    np.testing.assert_allclose(after[:, :WORDS], before[:, :WORDS], rtol=1e-4, atol=1e-7)
    assert new["kind"].shape[1] == LABELS + MORE_LABELS
    np.testing.assert_allclose(new["kind"][:, :LABELS], old["kind"], rtol=1e-4, atol=1e-5)


def test_a_layer_of_another_shape_is_refused(earlier: Path, tmp_path: Path) -> None:
    spec = tiny_spec(replace={"layers: [8]": "layers: [9]"})
    with pytest.raises(Failure, match=r"trunk\.0 must have the shape") as failure:
        warm_start(_opened(tmp_path, spec), earlier)
    assert failure.value.exit_code == Exit.USAGE


def test_the_command_goes_on_from_an_earlier_run(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _opened(tmp_path)
    command = ["--data", str(tmp_path / "data"), "--output", str(tmp_path / "run"), "--epochs=1"]
    run([*command, "--warm-start", str(earlier)])
    first = json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])
    assert first["epoch"] == 1
    capsys.readouterr()
    run([*command, "--warm-start", str(earlier)])
    assert "is up to date" in capsys.readouterr().out
    with pytest.raises(Failure, match="--force"):
        run(command)
