"""Counting is exact up to a bound, its order is stated, and beyond the bound its error is."""

import os
import pickle
import resource
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.distributions import value_counts
from pipeline.distributions.value_counts import ValueCounts, added, chosen, merged, with_values

MILLION = 1_000_000
VALUES = st.sampled_from(["a", "b", "", "\u00e9", "ab", "x\ny", "\U0001f600"])


def _counted(*batches: list[str]) -> ValueCounts:
    counts = ValueCounts()
    for batch in batches:
        counts = with_values(counts, pa.array(batch, pa.string()))
    return counts


def _pairs(counts: ValueCounts) -> dict[str, int]:
    (table,) = added(counts).parts
    return dict(zip(table["value"].to_pylist(), table["count"].to_pylist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(VALUES), max_size=6), size=st.integers(1, 6), rare=st.integers(1, 3)
)
def test_the_entries_are_those_of_a_counter(batches: list[list[str]], size: int, rare: int) -> None:
    counter = Counter(value for batch in batches for value in batch)
    ranked = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0].encode()))
    frequent = [(value, count) for value, count in ranked if count >= rare]
    entries = chosen(_counted(*batches), size, rare)
    found = zip(entries.values.to_pylist(), entries.counts.to_pylist(), strict=True)
    assert list(found) == frequent[:size]
    assert entries.distinct == len(ranked)
    assert entries.below_min_count == len(ranked) - len(frequent)
    assert entries.beyond_size == max(0, len(frequent) - size)
    assert entries.lost == 0


def test_old_values_keep_their_places_and_new_ones_come_after() -> None:
    first = pa.array(["gone", "b", ""])
    entries = chosen(_counted(["c"] * 5 + ["b"] * 2 + ["d"] * 7 + ["e", ""]), 5, 2, first)
    assert entries.values.to_pylist() == ["gone", "b", "", "d", "c"]
    assert entries.counts.to_pylist() == [0, 2, 1, 7, 5]
    assert (entries.distinct, entries.below_min_count, entries.beyond_size) == (5, 1, 0)
    assert chosen(_counted(["c"]), 2, 1, first).values.to_pylist() == ["gone", "b", ""]


def test_adding_up_early_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "COMPACT_AT", 3)
    one = _counted(*([f"v{at % 7}", "x"] for at in range(20)))
    two = _counted(*([f"v{at % 3}"] for at in range(20)))
    expected = Counter(["x"] * 20 + [f"v{i % n}" for n in (7, 3) for i in range(20)])
    assert _pairs(merged([one, two])) == expected


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.lists(st.integers(0, 40), max_size=60), min_size=1, max_size=12),
    parts=st.integers(1, 3),
)
def test_counts_beyond_the_bound_are_low_by_no_more_than_is_said(
    batches: list[list[int]], parts: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_counts, "LIMIT", 8)
        patch.setattr(value_counts, "KEPT", 4)
        patch.setattr(value_counts, "COMPACT_AT", 4)
        texts = [[str(value) for value in batch] for batch in batches]
        counts = added(merged([_counted(*texts[at::parts]) for at in range(parts)]))
        assert counts.parts[0].num_rows <= 8
        found = _pairs(counts)
    true = Counter(value for batch in texts for value in batch)
    assert counts.lost <= sum(true.values()) / 4
    for value, count in true.items():
        assert found.get(value, 0) <= count <= found.get(value, 0) + counts.lost


def test_long_values_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "MAX_BYTES", 100_000)
    monkeypatch.setattr(value_counts, "COMPACT_AT", 10)
    counts = ValueCounts()
    for at in range(200):
        counts = with_values(counts, pa.array([f"{at}" + "x" * 10_000, "often"]))
    counts = added(counts)
    assert counts.parts[0].nbytes <= 100_000
    assert _pairs(counts)["often"] >= 200 - counts.lost > 100


def _distinct_run(distinct: int) -> tuple[ValueCounts, int]:
    """ValueCounts `distinct` values once each and 100 values a thousandth as often; MB it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts, batch = ValueCounts(), 100_000
    often = np.repeat([f"often{i}" for i in range(100)], batch // 1000)
    for start in range(0, distinct, batch):
        rare = np.char.add("id-", np.arange(start, start + batch).astype(str))
        counts = with_values(counts, pa.array(np.concatenate([rare, often])))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return added(counts), grown >> 10


def _check_many(distinct: int) -> int:
    counts, grown_mb = _distinct_run(distinct)
    entries = chosen(counts, 100, 1)
    assert sorted(entries.values.to_pylist()) == sorted(f"often{i}" for i in range(100))
    assert counts.parts[0].num_rows <= value_counts.LIMIT
    assert counts.lost <= (distinct * 1.1) / value_counts.KEPT
    assert min(entries.counts.to_pylist()) >= distinct // 1000 - counts.lost
    return grown_mb


def test_a_million_distinct_values_in_the_room_of_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_counts, "LIMIT", 200_000)
    monkeypatch.setattr(value_counts, "KEPT", 100_000)
    _check_many(MILLION)


@pytest.mark.skipif(os.environ.get("CI_FULL") != "1", reason="takes a minute; CI_FULL=1 runs it")
def test_20_million_distinct_values_take_less_than_1200_mb() -> None:
    assert _check_many(20 * MILLION) < 1200


def test_counts_are_sent_to_other_workers_with_no_more_than_their_own_bytes() -> None:
    values = pa.array([f"value {at}" for at in range(200_000)])
    counts = added(with_values(ValueCounts(), values))
    assert len(pickle.dumps(counts)) < 1.1 * counts.parts[0].nbytes
