"""Prepared examples come back as they were written, each once, in an order that the seed says."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny_data import (
    ENTRIES,
    KINDS,
    LENGTH,
    WORDS,
    serialized,
    tiny_data,
    tiny_examples,
    tiny_spec,
    write_data,
)

from pipeline.failures import Exit, Failure
from trainer.data import (
    Batch,
    ExampleFeatures,
    RowsInMemory,
    batch_signature,
    batches,
    collect,
    example_features,
    parse,
    step_batches,
)
from trainer.data_folder import read_data

FEATURES = example_features(tiny_spec(), ENTRIES)
LABEL_SETS = tiny_spec(
    replace={"kind: classification, vocabulary: kinds": "kind: multilabel, vocabulary: kinds"}
)
PADDING = WORDS + 1


def example(**values: Any) -> Mapping[str, Any]:
    usual = {
        "word": [3],
        "before": [1, 2],
        "size": [0.5],
        "size.missing": [0.0],
        "label": [2],
        "kind": [-1],
        "ends": [float("nan")],
        "left": [1.5],
        "row.weight": [2.0],
    }
    return usual | values


def test_an_example_becomes_a_row_and_the_batch_is_filled_up() -> None:
    batch = parse(
        tf.constant([serialized(example()), serialized(example(before=[]))]), FEATURES, tf.range(3)
    )
    assert batch.features["word"].numpy().tolist() == [3, 3, 3]
    room = [PADDING] * LENGTH
    assert batch.features["before"].numpy().tolist() == [[*room[2:], 1, 2], room, room]
    assert batch.targets["label"].numpy().tolist() == [2, 2, 2]
    assert batch.targets["kind"].numpy().tolist() == [-1, -1, -1]
    assert np.isnan(batch.targets["ends"]).all()
    assert batch.weights.numpy().tolist() == [2.0, 2.0, 0.0]


def test_label_sets_are_padded_and_missing_ones_marked() -> None:
    features = example_features(LABEL_SETS, ENTRIES)
    rows = [serialized(example(kind=kind)) for kind in ([0, 2], [-1], [])]
    batch = parse(tf.constant(rows), features, tf.range(3))
    assert batch.targets["kind"].numpy().tolist() == [[0, 2], [-1, -2], [-2, -2]]


def test_batches_have_the_shapes_that_they_are_announced_with(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data"))
    announced = batch_signature(FEATURES, 16)
    for batch in batches(data.files("train"), FEATURES, batch_size=16):
        for spec, tensor in zip(tf.nest.flatten(announced), tf.nest.flatten(batch), strict=True):
            assert spec.is_compatible_with(tensor)


def sizes(data: Any, **order: Any) -> list[float]:
    rows = batches(data.files("train"), FEATURES, batch_size=16, **order)
    found = [b.features["size"].numpy()[b.weights.numpy() > 0] for b in rows]
    return [float(x) for x in np.concatenate(found)]


def test_an_epoch_holds_each_row_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data"))
    plain, first, again, second = (
        sizes(data, order=order) for order in (None, (1, 0), (1, 0), (1, 1))
    )
    assert len(plain) == 70
    assert first == again
    assert first != second != plain
    assert sorted(plain) == sorted(first) == sorted(second)


@pytest.mark.parametrize("skip", [0, 1, 3, 5, 9])
@pytest.mark.parametrize("own", [range(16), range(4, 8)], ids=["alone", "a worker"])
def test_rows_in_memory_make_the_batches_that_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip: int, own: range
) -> None:
    """Stacks have fewer rows than an epoch."""
    monkeypatch.setattr("trainer.data.ROWS_OF_A_STACK", 32)
    data = read_data(tiny_data(tmp_path / "data"))
    files = data.files("train")
    kept = RowsInMemory(files, FEATURES, batch_size=16, own=own)
    for epoch in range(2):
        order = (1, epoch)
        read = list(step_batches(files, FEATURES, batch_size=16, own=own, order=order, skip=skip))
        made = list(kept.batches(order, skip))
        assert len(made) == len(read)
        for one, other in zip(made, read, strict=True):
            for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
                np.testing.assert_array_equal(a, b)


def test_a_part_of_an_epoch_has_rows_of_all_parts_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file has rows of all parts; fewer are shuffled at once than there are."""
    monkeypatch.setattr("trainer.data.ROWS_TO_SHUFFLE", 250)
    rows = [{**row, "size": [float(i)]} for i, row in enumerate(tiny_examples(1000, seed=1))]
    data = read_data(write_data(tmp_path / "data", tiny_spec(), {"train": rows}, files=4))
    first = np.array(sizes(data, order=(1, 0))[:250])
    # A fair draw has some 62 rows of each quarter of the input, rarely fewer than 40.
    assert np.bincount(first.astype(int) // 250, minlength=4).min() > 40


def test_no_tuner_keeps_whoever_lets_go_of_rows_waiting(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data"))
    features = example_features(data.spec, data.entries)
    read = batches(data.files("train"), features, batch_size=16, order=(1, 0))
    assert read.options().autotune.enabled is False


def test_skipping_gives_the_rest_of_the_same_epoch(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data"))
    assert sizes(data, order=(1, 3), skip=2) == sizes(data, order=(1, 3))[32:]


def stacks_of_three(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], ExampleFeatures]:
    """Files of 70 rows with label sets of many lengths: five batches of 16, the last one short."""
    monkeypatch.setattr("trainer.data.ROWS_OF_A_STACK", 3 * 16)
    sets = [[-1], *(list(range(n)) for n in range(KINDS))]
    rows = [example(word=[i % WORDS], kind=sets[i % len(sets)]) for i in range(70)]
    data = read_data(write_data(folder, LABEL_SETS, {"train": rows}))
    return data.files("train"), example_features(LABEL_SETS, ENTRIES)


def assert_same(batch: Batch, expected: Batch) -> None:
    tf.nest.map_structure(np.testing.assert_array_equal, batch, expected)


@pytest.mark.parametrize("skip", range(6))
def test_a_step_is_handed_the_batches_of_the_epoch_wherever_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skip: int
) -> None:
    files, features = stacks_of_three(tmp_path / "data", monkeypatch)
    epoch = list(batches(files, features, batch_size=16, order=(1, 3)))
    assert len(epoch) == 5
    rest = step_batches(files, features, batch_size=16, own=range(16), order=(1, 3), skip=skip)
    for batch, expected in zip(rest, epoch[skip:], strict=True):
        assert_same(batch, expected)


def test_the_shares_of_a_batch_are_its_rows_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, features = stacks_of_three(tmp_path / "data", monkeypatch)
    shares = [
        step_batches(files, features, batch_size=16, own=own, order=(1, 3), skip=1)
        for own in (range(4), range(4, 16))
    ]
    whole = step_batches(files, features, batch_size=16, own=range(16), order=(1, 3), skip=1)
    for first, second, expected in zip(*shares, whole, strict=True):
        assert (len(first.weights), len(second.weights)) == (4, 12)
        for name, values in expected.features.items():
            parts = [first.features[name], second.features[name]]
            np.testing.assert_array_equal(np.concatenate(parts), values)
        weights = np.concatenate([first.weights, second.weights])
        np.testing.assert_array_equal(weights, expected.weights)


def test_collecting_keeps_the_last_of_a_sequence_and_no_row_that_fills_up(tmp_path: Path) -> None:
    rows = [example(before=[1, 2], word=[i % 5]) for i in range(5)]
    data = read_data(write_data(tmp_path / "data", tiny_spec(), {"train": rows}, files=1))
    found = collect(batches(data.files("train"), FEATURES, batch_size=4), FEATURES, 5)
    assert found["word"].tolist() == [0, 1, 2, 3, 4]
    assert found["before"].tolist() == [2] * 5
    assert found["row.weight"].tolist() == [2.0] * 5


def test_no_train_rows_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="at least one row") as failed:
        read_data(write_data(tmp_path / "data", tiny_spec(), {"eval": [example()]}))
    assert failed.value.exit_code == Exit.USAGE


def test_a_file_that_was_cut_short_is_noticed(tmp_path: Path) -> None:
    folder = tiny_data(tmp_path / "data")
    path = next((folder / "examples" / "train").iterdir())
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(Failure) as failed:
        read_data(folder)
    assert failed.value.exit_code == Exit.INTEGRITY


def test_vocabularies_keep_newlines_and_empty_strings(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data"))
    (data.path / "vocabulary" / "kinds.jsonl").write_text('["", 3]\n["a\\nb", 1]\n')
    assert data.vocabulary("kinds") == {"": 3, "a\nb": 1}
