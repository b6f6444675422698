"""Keys of counted memories: one number a row, the same in NumPy, in TensorFlow and by hand."""

import numpy as np
import pytest
import tensorflow as tf

from kinds.inputs.keys import Key
from kinds.memory import key_tensors
from kinds.memory.keys import DECAY, NO_KEY, Keys, keys_of, padded_ids
from pipeline.spec.file import parse_spec

SPEC = """
name: n
vocabularies: {maker: {}, item: {}, label: {}}
inputs:
  maker: {kind: category, vocabulary: maker}
  items: {kind: sequence, vocabulary: item, length: 4}
  price: {kind: number, scale: buckets, buckets: 10, embedding: 4}
  paid: {kind: flag}
heads: {label: {kind: classification, vocabulary: label, memory: [m]}}
split: {by: hash, columns: [maker]}
"""
ENTRIES = {"maker": 5, "item": 7, "label": 3}
ROWS = 500


def keys(of: str, reach: int = 1) -> Keys:
    spec = parse_spec(f"{SPEC}memory: {{m: {{of: [{of}], reach: {reach}}}}}")
    return keys_of(spec.memories["m"], spec.inputs, ENTRIES)


@pytest.fixture(scope="module")
def features() -> dict[str, np.ndarray]:
    """As the trainer has them: some values unknown, some missing, lists padded on the left."""
    draw = np.random.default_rng(1)
    items = draw.integers(0, 8, (ROWS, 4)).astype(np.int32)
    lengths = draw.integers(0, 5, ROWS)
    items[np.arange(4)[None, :] < 4 - lengths[:, None]] = 8
    missing = draw.integers(0, 2, ROWS).astype(np.float32)
    return {
        "maker": draw.integers(0, 7, ROWS).astype(np.int32),
        "items": items,
        "price": draw.integers(0, 11, ROWS).astype(np.int32),
        "paid": np.where(missing, 0, draw.integers(0, 2, ROWS)).astype(np.float32),
        "paid.missing": missing,
    }


def digits(row: int, of: str, features: dict[str, np.ndarray]) -> list[tuple[int, int | None]]:
    """The id of each input in one row, and the id that is unknown."""
    found: list[tuple[int, int | None]] = []
    for one in of.split(", "):
        if one.startswith("items.last"):
            place = int(one.removeprefix("items.last") or 1)
            there = place <= 4
            found.append((int(features["items"][row, -place]) if there else 8, 7))
        elif one == "paid":
            paid = 2 if features["paid.missing"][row] else int(features["paid"][row])
            found.append((paid, None))
        else:
            found.append((int(features[one][row]), 5 if one == "maker" else None))
    return found


SHAPES = ["maker", "price", "paid", "items.last", "items.last2, items.last", "maker, paid, price"]


@pytest.mark.parametrize("of", SHAPES)
def test_two_rows_have_one_key_just_where_all_their_values_are_the_same(
    of: str, features: dict[str, np.ndarray]
) -> None:
    found = keys(of).looked_up(padded_ids(features))
    by_digits: dict[tuple[int, ...], int] = {}
    for row in range(ROWS):
        of_row = digits(row, of, features)
        if any(value == unknown for value, unknown in of_row):
            assert found[row] == NO_KEY
        else:
            key = by_digits.setdefault(tuple(value for value, _ in of_row), int(found[row]))
            assert found[row] == key >= 0
    assert len(set(by_digits.values())) == len(by_digits)


@pytest.mark.parametrize(("of", "reach"), [*((of, 1) for of in SHAPES), ("items.last", 3)])
def test_tensors_have_the_same_keys_and_the_same_share_of_each_row(
    of: str, reach: int, features: dict[str, np.ndarray]
) -> None:
    made, ids = keys(of, reach), padded_ids(features)
    tensors = {name: tf.constant(values) for name, values in features.items()}
    np.testing.assert_array_equal(key_tensors.looked_up(made, tensors), made.looked_up(ids))
    for of_tensors, of_arrays in zip(key_tensors.own(made, tensors), made.own(ids), strict=True):
        np.testing.assert_allclose(of_tensors, of_arrays, rtol=1e-6)


def test_a_label_counts_for_the_last_values_each_less_than_the_one_after_it() -> None:
    items = {"items": np.array([[8, 8, 3, 3], [1, 2, 7, 3], [8, 8, 8, 8]])}
    made, ids = keys("items.last", 3), padded_ids(items)
    found = [(key.tolist(), weight) for key, weight in made.counted(ids)]
    assert [key for key, _ in found] == [[3, 3, 8], [3, NO_KEY, NO_KEY], [NO_KEY, 2, NO_KEY]]
    np.testing.assert_allclose([w for _, w in found], [1, DECAY, DECAY**2], rtol=1e-6)
    share, times = made.own(ids)
    np.testing.assert_allclose(share, [1 + DECAY, 1, 1], rtol=1e-6)
    assert times.tolist() == [2, 1, 1]


def test_a_list_that_is_too_short_has_the_id_of_missing_values() -> None:
    key = Key("items", 9, unknown=7, missing=8, place=3)
    assert padded_ids({"items": np.array([[1, 2]])})(key).tolist() == [8]


def test_all_rows_have_one_key_where_a_memory_has_no_input(
    features: dict[str, np.ndarray],
) -> None:
    made = keys("")
    tensors = {name: tf.constant(values) for name, values in features.items()}
    assert set(made.looked_up(padded_ids(features)).tolist()) == {0}
    assert set(key_tensors.looked_up(made, tensors).numpy().tolist()) == {0}
    assert made.own(padded_ids(features))[1].tolist() == [1] * ROWS
