"""Labels counted for values: equal to a recount in plain Python, and within the stated error."""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from kinds.inputs.keys import Key
from kinds.memory import label_counts as of_values
from kinds.memory import sums
from kinds.memory.counting import (
    PairCounts,
    added,
    label_counts,
    merged,
    row_counts,
    with_pairs,
    with_unseen,
)
from kinds.memory.keys import DECAY, Keys
from kinds.memory.label_counts import LabelCounts
from kinds.memory.mixture import Seen, seen, share, without
from kinds.memory.network import OwnRows, Table
from kinds.memory.network import Seen as Found
from kinds.memory.prepare import counted, ids_in
from kinds.memory.sums import LIMIT
from kinds.names import WEIGHT

Row = tuple[int, int, float]


def rows(count: int, *, seed: int, values: int = 40, labels: int = 30) -> list[Row]:
    """Key, label and weight; few keys and labels are frequent."""
    draw = np.random.default_rng(seed)
    keys = (values * draw.random(count) ** 3).astype(int)
    own = (labels * draw.random(count) ** 2 + keys).astype(int) % labels
    weights = draw.choice([0.5, 1.0, 2.0], count)
    return list(zip(keys.tolist(), own.tolist(), weights.tolist(), strict=True))


def in_batches(found: list[Row], size: int, limit: int = LIMIT) -> PairCounts:
    counts = PairCounts(limit=limit)
    for at in range(0, len(found), size):
        keys, labels, weights = (np.array(one) for one in zip(*found[at : at + size], strict=True))
        counts = with_pairs(counts, keys, labels, weights)
    return counts


def recounted(found: list[Row]) -> dict[int, dict[int, tuple[float, int]]]:
    """{key: {label: (weight, rows)}}"""
    weights: dict[int, Counter[int]] = defaultdict(Counter)
    times: dict[int, Counter[int]] = defaultdict(Counter)
    for key, label, weight in found:
        weights[key][label] += weight  # type: ignore[assignment]
        times[key][label] += 1
    return {
        key: {label: (weight, times[key][label]) for label, weight in own.items()}
        for key, own in weights.items()
    }


def as_read(counts: LabelCounts) -> dict[int, tuple[float, int, list[tuple[int, float, int]]]]:
    found = {}
    for at, key in enumerate(counts.keys.tolist()):
        own = slice(counts.offsets[at], counts.offsets[at + 1])
        listed = zip(counts.labels[own], counts.weights[own], counts.rows[own], strict=True)
        pairs = [(int(label), float(weight), int(rows)) for label, weight, rows in listed]
        found[key] = (float(counts.totals[at]), int(counts.distinct[at]), pairs)
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("most", "min_count"), [(64, 1), (3, 1), (5, 4)])
def test_counts_are_those_of_a_recount(seed: int, most: int, min_count: int) -> None:
    found = rows(2000, seed=seed)
    expected = {}
    for key, own in recounted(found).items():
        if sum(times for _, times in own.values()) >= min_count:
            ordered = sorted(own.items(), key=lambda one: (-one[1][0], one[0]))
            listed = [(label, weight, times) for label, (weight, times) in ordered[:most]]
            expected[key] = (sum(weight for weight, _ in own.values()), len(own), listed)
    counts = label_counts(in_batches(found, 170), most=most, min_count=min_count)
    assert as_read(counts) == expected
    assert counts.keys.tolist() == sorted(expected)


def test_parts_counted_apart_and_merged_are_the_same() -> None:
    found = rows(3000, seed=7)
    whole = label_counts(in_batches(found, 3000), most=64, min_count=1)
    parts = [in_batches(found[at : at + 700], 100) for at in range(0, 3000, 700)]
    assert as_read(label_counts(merged(parts), most=64, min_count=1)) == as_read(whole)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", [8, 40, 200])
def test_with_less_room_counts_are_low_by_at_most_what_is_stated(seed: int, limit: int) -> None:
    found = rows(3000, seed=seed)
    true = recounted(found)
    parts = [in_batches(found[at : at + 1000], 60, limit) for at in range(0, 3000, 1000)]
    counts = added(merged(parts))
    assert counts.parts[0].num_rows <= limit
    assert counts.lost_totals <= counts.lost
    read = as_read(label_counts(counts, most=1000, min_count=1))
    for key, own in true.items():
        total = sum(weight for weight, _ in own.values())
        low, _, listed = read.get(key, (0.0, 0, []))
        assert low <= total <= low + counts.lost_totals
        kept = {label: weight for label, weight, _ in listed}
        for label, (weight, _) in own.items():
            assert kept.get(label, 0) <= weight <= kept.get(label, 0) + counts.lost
        assert low == pytest.approx(total) or counts.lost_totals > 0


def test_while_there_is_room_for_all_values_totals_are_exact() -> None:
    found = rows(3000, seed=3, values=5, labels=300)
    counts = in_batches(found, 100, limit=60)
    assert counts.lost > 0
    read = as_read(label_counts(counts, most=1000, min_count=1))
    for key, own in recounted(found).items():
        assert read[key][0] == sum(weight for weight, _ in own.values())
        assert read[key][1] >= len(own)


def test_what_has_no_key_no_target_or_no_weight_does_not_count() -> None:
    features = pa.RecordBatch.from_pydict(
        {
            "maker": pa.array([[3], [4], [3], [3], [5]], pa.list_(pa.int64())),
            "product": pa.array([[1], [1], [-1], [9], [2]], pa.list_(pa.int64())),
            "row.weight": pa.array([[1], [1], [1], [0], [0.5]], pa.list_(pa.float32())),
        }
    )
    keys = Keys((Key("maker", 6, unknown=4, missing=5),))
    counts = label_counts(counted(PairCounts(), keys, features, "product"), most=9, min_count=1)
    assert as_read(counts) == {3: (1.0, 1, [(1, 1.0, 1)]), 5: (0.5, 1, [(2, 0.5, 1)])}


def test_with_reach_a_label_counts_for_earlier_values_too() -> None:
    features = pa.RecordBatch.from_pydict(
        {
            "items": pa.array([[1, 2, 2], [3], []], pa.list_(pa.int64())),
            "next": pa.array([[0], [4], [5]], pa.list_(pa.int64())),
        }
    )
    part = Key("items", 9, unknown=7, missing=8, place=1)
    counts = counted(PairCounts(), Keys((part,), reach=3), features, "next")
    found = as_read(label_counts(counts, most=9, min_count=1))
    decayed = [1.0, float(np.float32(DECAY)), float(np.float32(DECAY) ** 2)]
    assert found == {
        2: (1 + decayed[1], 1, [(0, 1 + decayed[1], 2)]),
        1: (pytest.approx(decayed[2]), 1, [(0, pytest.approx(decayed[2]), 1)]),
        3: (1.0, 1, [(4, 1.0, 1)]),
        8: (1.0, 1, [(5, 1.0, 1)]),
    }
    last = counted(PairCounts(), replace(Keys((part,), reach=1)), features, "next")
    assert as_read(label_counts(last, most=9, min_count=1)).keys() == {2, 3, 8}


def discounted(
    found: Seen | Found, at: int, unit: float, discount: float = 0.7
) -> dict[int, float]:
    """What a discount leaves of the labels of a row, before it is divided by a total."""
    weights, rows = (np.asarray(of[at], np.float64) for of in (found.weights, found.rows))
    given = share(weights, rows, np.ones(1), discount, several=False)
    return as_dict(np.asarray(found.labels[at]), unit * given)


def test_many_rows_are_added_up_part_by_part_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(key - 1, label, weight) for key, label, weight in rows(3000, seed=6, values=90)]
    whole = in_batches(found, 3000)
    monkeypatch.setattr(sums, "COMPACT_AT", 50)
    again = in_batches(found, 170)
    expected: dict[tuple[int, int], float] = defaultdict(float)
    for key, label, weight in found:
        expected[key, label] += weight
    for counts in (whole, again):
        table = added(counts).parts[0]
        columns = (table[name].to_pylist() for name in ("key", "label", "weight"))
        of = {(key, label): weight for key, label, weight in zip(*columns, strict=True)}
        assert len(of) == table.num_rows and of == expected
        assert sum(table["rows"].to_pylist()) == len(found)


@pytest.mark.parametrize(("most", "min_count"), [(64, 1), (3, 5)])
def test_pairs_are_put_in_order_some_values_at_a_time_to_the_same(
    most: int, min_count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = in_batches(rows(3000, seed=8, values=300), 170)
    whole = label_counts(counts, most=most, min_count=min_count)
    for at_once in (1, 7, 50):
        monkeypatch.setattr(of_values, "AT_ONCE", at_once)
        again = label_counts(counts, most=most, min_count=min_count).arrays()
        for name, values in whole.arrays().items():
            assert again[name].dtype == values.dtype
            np.testing.assert_array_equal(again[name], values)


def as_dict(labels: np.ndarray, weights: np.ndarray) -> dict[int, float]:
    """Of the labels that have a weight."""
    pairs = zip(labels.tolist(), weights.tolist(), strict=True)
    return {label: weight for label, weight in pairs if weight > 1e-9}


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_count_several_times_for_a_value_are_left_out_whole(weighted: bool) -> None:
    """Of the others remain the weights, the rows, and so what a discount leaves of each label, by
    arrays and by tensors."""
    part = Key("items", 9, unknown=7, missing=8, place=1)
    keys, draw = Keys((part,), reach=3), np.random.default_rng(2)
    lists = [draw.integers(0, 4, draw.integers(0, 4)).tolist() for _ in range(80)]
    targets = [[int(label)] for label in draw.integers(0, 3, 80)]
    weights = draw.integers(1, 4, 80) / 2 if weighted else np.ones(80)

    def of_rows(chosen: list[int]) -> tuple[LabelCounts, pa.RecordBatch]:
        columns = {"items": [lists[at] for at in chosen], "next": [targets[at] for at in chosen]}
        types = {name: pa.array(values, pa.list_(pa.int64())) for name, values in columns.items()}
        types[WEIGHT] = pa.array(weights[chosen][:, None].tolist(), pa.list_(pa.float32()))
        features = pa.RecordBatch.from_pydict(types)
        pairs = counted(PairCounts(), keys, features, "next")
        return label_counts(pairs, most=9, min_count=1), features

    counts, features = of_rows(list(range(80)))
    key, (shares, times) = keys.looked_up(ids_in(features)), keys.own(ids_in(features))
    labels = np.array(targets)[:, 0]
    left = without(seen(counts, key), labels, weights * shares / counts.unit, times)
    padded = np.array([[8] * (3 - len(one)) + one for one in lists])
    own_rows = OwnRows(tf.constant(labels, tf.int32), tf.constant(weights, tf.float32))
    of_tensors = Table("items", counts, keys).seen({"items": tf.constant(padded)}, own_rows)
    for at in range(80):
        others, _ = of_rows([other for other in range(80) if other != at])
        again = seen(others, key[at : at + 1])
        assert left.totals[at] * counts.unit == pytest.approx(again.totals[0] * others.unit)
        own = as_dict(left.labels[at], left.weights[at] * counts.unit)
        assert own == pytest.approx(as_dict(again.labels[0], again.weights[0] * others.unit))
        expected = discounted(again, 0, others.unit)
        assert discounted(left, at, counts.unit) == pytest.approx(expected)
        assert discounted(of_tensors, at, counts.unit) == pytest.approx(expected, rel=1e-4)


def test_of_rows_with_several_labels_the_rows_are_the_total() -> None:
    rows = pa.record_batch(
        {
            "maker": pa.array([[1], [1], [1], [2], [2], [3]], pa.list_(pa.int64())),
            "tags": pa.array([[0, 4], [4], [], [], [-1], [-1]], pa.list_(pa.int64())),
            WEIGHT: pa.array([[1.0], [2.0], [0.5], [1.0], [1.0], [1.0]], pa.list_(pa.float32())),
        }
    )
    keys = Keys((Key("maker", 9),))
    pairs = counted(PairCounts(), keys, rows, "tags", several=True)
    counts = row_counts(pairs, most=9, min_count=1)
    assert counts.keys.tolist() == [1, 2] and counts.totals.tolist() == [3.5, 1.0]
    assert counts.labels.tolist() == [4, 0] and counts.weights.tolist() == [3.0, 1.0]
    assert counts.distinct.tolist() == [2, 0] and counts.offsets.tolist() == [0, 2, 2]
    often = row_counts(pairs, most=1, min_count=2)
    assert often.keys.tolist() == [1] and often.labels.tolist() == [4]
    assert often.distinct.tolist() == [2]


def test_labels_of_one_row_stand_for_labels_of_none() -> None:
    found = [(0, 3, 1.0), (0, 3, 1.0), (0, 5, 2.0), (0, 6, 1.0), (0, 9, 1.0), (0, 9, 1.0)]
    counts = label_counts(with_unseen(in_batches(found, 2), other=9), most=9, min_count=1)
    expected = [(9, 5.0, 4), (3, 2.0, 2), (5, 2.0, 1), (6, 1.0, 1)]
    assert as_read(counts) == {0: (10.0, 4, expected)}
