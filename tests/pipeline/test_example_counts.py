"""Shares come from counts over batches, and every row is in one of them."""

from collections import Counter

import pyarrow as pa

from pipeline.folders.prepared import Statistics
from pipeline.preparing.example_counts import (
    by_file,
    compared,
    counted,
    rows_by_side,
    statistics,
    written,
)
from pipeline.spec.file import parse_spec

SPEC = parse_spec("""
name: counted
vocabularies: {words: {size: 3}, colours: {values: [red, green]}}
inputs:
  past: {kind: sequence, vocabulary: words, length: 4}
  age: {kind: number}
  part: {kind: number, scale: buckets, buckets: 5, embedding: 2, column: age}
  sure: {kind: number, missing: reject}
heads:
  colour: {kind: classification, vocabulary: colours}
  tags: {kind: multilabel, vocabulary: words}
  price: {kind: regression}
split: {by: hash, columns: [age]}
""")
SIZES = {"words": 3, "colours": 2}


def _batch() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "past": [[0, 3, 4], [], [4, 2]],
            "age": [[0.0], [1.0], [0.0]],
            "age.missing": [[1.0], [0.0], [1.0]],
            "part": [[5], [4], [5]],
            "sure": [[0.0], [0.0], [0.0]],
            "colour": [[1], [2], [-1]],
            "tags": [[0, 1], [], [-1]],
            "tags.dropped": [[2], [0], [0]],
            "price": [[0.5], [float("nan")], [1.0]],
        }
    )


def test_what_is_written_and_what_is_counted() -> None:
    assert written(SPEC) == [
        *("past", "age", "part", "sure", "colour", "tags", "price", "age.missing")
    ]
    assert compared(SPEC) == written(SPEC)
    counts = counted(_batch(), SPEC, "eval", SIZES)
    missing = {key[1]: count for key, count in counts.items() if key[2:] == ("eval", "missing")}
    assert {name: missing.get(name) for name in ("age", "part", "sure")} == {
        **{"age": 2, "part": 2},
        "sure": None,
    }


def test_shares_of_a_batch() -> None:
    counts = counted(_batch(), SPEC, "train", SIZES)
    counts.update(counted(_batch(), SPEC, "train", SIZES))
    learned = Statistics(numbers={"age": {"mean": 1.0, "std": 2.0}})
    said = statistics(counts, [], SPEC, learned)
    assert said.inputs["past"]["train"] == {
        "values": 10,
        "out_of_vocabulary": 2 / 10,
        "missing": 4 / 10,
    }
    assert said.inputs["past"]["test"]["values"] == 0
    assert said.heads["colour"]["train"] == {
        "targets": 4,
        "missing": 1 / 3,
        "out_of_vocabulary": 1 / 2,
    }
    assert said.heads["tags"]["train"] == {
        "targets": 4,
        "missing": 1 / 3,
        "out_of_vocabulary": 2 / 4,
    }
    assert said.heads["price"]["train"] == {"targets": 4, "missing": 1 / 3}
    assert said.numbers == {
        "age": {"mean": 1.0, "std": 2.0, "missing": 2 / 3},
        "part": {"missing": 2 / 3},
    }


def test_given_values_are_counted_on_the_training_side_only() -> None:
    assert counted(_batch(), SPEC, "train", SIZES)["value", "colours", "1"] == 1
    assert counted(_batch(), SPEC, "eval", SIZES)["value", "colours", "1"] == 0


def test_rows_by_file_and_by_side() -> None:
    counts = Counter(
        {
            ("file", "a", "read"): 10,
            ("file", "a", "rejected"): 1,
            ("file", "a", "train"): 7,
            ("file", "a", "test"): 2,
            ("file", "b", "read"): 1,
            ("file", "b", "eval"): 1,
            ("reason", "ragged"): 1,
        }
    )
    assert rows_by_side(counts) == {"read": 11, "rejected": 1, "train": 7, "eval": 1, "test": 2}
    assert by_file(counts, ["a", "b"]) == {
        "a": {"read": 10, "written": 9, "rejected": 1},
        "b": {"read": 1, "written": 1, "rejected": 0},
    }
