"""The benchmark of recommenders: its lists, its measures and its count of neighbours."""

from math import log2
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.recommend import BACKWARDS, DECAY, K, lists_in, neighbours, quality
from pipeline.failures import Failure


def test_rows_of_elements_and_rows_of_lists_are_the_same_lists(tmp_path: Path) -> None:
    elements, lists = tmp_path / "elements.jsonl", tmp_path / "lists.parquet"
    elements.write_text(
        '{"user": "a", "step": 2, "items": ["x", "y"], "next": "z", "side": "test"}\n'
        '{"user": "b", "step": 1, "items": ["x"], "next": "y", "side": "test"}\n'
        '{"user": "a", "step": 1, "items": ["x"], "next": "y", "side": "eval"}\n',
        encoding="utf-8",
    )
    pq.write_table(pa.table({"user": ["a", "b"], "items": [["x", "y", "z"], ["x", "y"]]}), lists)
    assert lists_in(elements) == lists_in(lists) == [["x", "y", "z"]]


def test_rows_that_are_not_there_are_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="--rows must be a file"):
        lists_in(tmp_path / "none.jsonl")


def test_a_hit_counts_by_its_place() -> None:
    best = [[str(place) for place in range(K)]] * 4
    found = quality(best, ["0", "4", "5", "none"])
    assert found["hr@5"] == 2 / 4
    assert found["hr@10"] == 3 / 4
    assert found["ndcg@10"] == round((1 + 1 / log2(6) + 1 / log2(7)) / 4, 4)


def test_neighbours_count_by_distance_and_direction_without_what_is_held_out() -> None:
    """After b: c follows at once, d a step later; a stands before it, x is frequent."""
    lists = [["a", "b", "c", "d", "eval", "test"], ["x", "x", "x", "b", "test"]]
    assert BACKWARDS < DECAY
    found = neighbours(lists)
    assert found["all"][1][:3] == ["c", "d", "a"]
    assert "x" in found["all"][1]
    assert not {"x", "b"} & set(found["new_only"][1])
    assert not {"eval", "test"} & {item for row in found["all"] for item in row}
