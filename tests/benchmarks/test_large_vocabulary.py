"""The rows of the benchmark of a large vocabulary."""

from collections import Counter

from benchmarks.large_vocabulary import IDS_OF_A_ROW, SPEC, STEPS, WIDTH, rows
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


def test_its_spec_is_one() -> None:
    spec = parse_spec(SPEC.format(values=2_000_000, width=WIDTH, steps=STEPS))
    assert spec.vocabularies["item"].size == 2_000_000
