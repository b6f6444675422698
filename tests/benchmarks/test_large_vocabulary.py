"""The rows of the benchmark of a large vocabulary."""

from collections import Counter

import pyarrow as pa

from benchmarks.large_vocabulary import (
    HIDDEN,
    IDS_OF_A_ROW,
    LABELS_SPEC,
    SPEC,
    STEPS,
    WIDTH,
    next_items,
    rows,
)
from pipeline.spec.file import parse_spec


def test_every_value_occurs_in_two_places() -> None:
    table = rows(50)
    counts = Counter(table["items"].combine_chunks().flatten().to_pylist())
    assert counts == {f"item {at}": 2 for at in range(50)}
    assert table.num_rows == 10


def test_the_target_is_whether_the_last_number_is_odd() -> None:
    for row in rows(50).to_pylist():
        assert len(row["items"]) == IDS_OF_A_ROW
        assert row["odd"] == (int(row["items"][-1].removeprefix("item ")) % 2 == 1)


def test_its_specs_are_some() -> None:
    for said in (SPEC, LABELS_SPEC):
        spec = parse_spec(said.format(values=2_000_000, width=WIDTH, hidden=HIDDEN, steps=STEPS))
        assert spec.vocabularies["item"].size == 2_000_000


def test_a_label_is_what_the_next_row_begins_with() -> None:
    items = pa.array([["a", "b"], ["c", "d"], ["e", "f"]])
    assert next_items(items).to_pylist() == ["c", "e", "a"]
