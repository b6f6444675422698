"""Counting is exact, its order is stated, and any value survives."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import vocabulary
from pipeline.vocabulary import CountValues, added, chosen, counted, write_counts, write_values

ODD = ["", "a,b", 'say "hi"', "line\nbreak", "\U0001f600", " ", "\t", "\r\n", "\u2028", "NA"]


def _array(values: list[str]) -> np.ndarray:
    return np.array([value.encode() for value in values], dtype=object)


@settings(max_examples=50, deadline=None)
@given(
    batches=st.lists(st.lists(st.sampled_from(["a", "b", "", "\u00e9", "ab"])), max_size=6),
    size=st.integers(1, 6),
    min_count=st.integers(1, 3),
)
def test_the_entries_are_those_of_a_counter(
    batches: list[list[str]], size: int, min_count: int
) -> None:
    counter = Counter(value for batch in batches for value in batch)
    ranked = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0].encode()))
    expected = [(v.encode(), n) for v, n in ranked if n >= min_count][:size]
    entries = chosen(added(counted(_array(batch)) for batch in batches), size, min_count)
    pairs = zip(entries["value"].to_pylist(), entries["count"].to_pylist(), strict=True)
    assert list(pairs) == expected


def test_compacting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "COMPACT_AT", 3)
    combine = CountValues()
    one, two = combine.create_accumulator(), combine.create_accumulator()
    for at in range(20):
        one = combine.add_input(one, (_array([f"v{at % 7}", "x"]),))
        two = combine.add_input(two, (_array([f"v{at % 3}"]),))
    merged = combine.merge_accumulators([combine.compact(one), two])
    found = chosen(combine.extract_output(merged), 100, 1).to_pydict()
    expected = Counter(
        ["x"] * 20 + [f"v{i % 7}" for i in range(20)] + [f"v{i % 3}" for i in range(20)]
    )
    assert dict(zip((v.decode() for v in found["value"]), found["count"], strict=True)) == expected


def test_odd_values_survive_both_files(tmp_path: Path) -> None:
    entries = chosen(counted(_array(ODD)), 100, 1)
    path = write_values(entries, str(tmp_path), "odd")
    assert write_counts(entries, str(tmp_path), "odd") is entries
    records = tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator()
    lines = (tmp_path / "odd.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    expected = sorted(ODD, key=str.encode)
    assert [record.decode() for record in records] == expected
    assert [json.loads(line) for line in lines] == [[value, 1] for value in expected]
