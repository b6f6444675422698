"""Lists whose next elements are predicted count as a row for each of their elements."""

import numpy as np
import pyarrow as pa
import pytest

from kinds.columns.next_elements import NextElements
from kinds.memory.counting import PairCounts, added
from kinds.names import WEIGHT
from pipeline.preparing import memories
from pipeline.preparing.places import by_place
from pipeline.preparing.reports import Key
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

SPEC = """
name: places
weight: often
vocabularies: {item: {}, country: {}}
inputs:
  items: {kind: sequence, vocabulary: item, length: 4}
  last: {kind: sequence, column: items, vocabulary: item, length: 1}
  country: {kind: category, vocabulary: country}
memory:
  by_last: {of: [items.last], reach: 3}
  by_two: {of: [items.last2, items.last]}
  by_country: {of: [country, last.last]}
  all_rows: {of: []}
heads:
  next: {kind: classification, vocabulary: item, NEXT
         memory: [by_last, by_two, by_country, all_rows]}
split: {by: row}
"""
SIZES = {"item": 9, "country": 2}


def spec_of(setting: str) -> Spec:
    return parse_spec(SPEC.replace("NEXT", setting))


def batch(lists: list[list[int]], following: list[list[int]], other: list[int]) -> pa.RecordBatch:
    columns = {"items": lists, "last": lists, "next": following, "country": [[n] for n in other]}
    return pa.RecordBatch.from_pydict(
        {n: pa.array(c, pa.list_(pa.int64())) for n, c in columns.items()}
        | {WEIGHT: pa.array([[0.5 + n] for n in other], pa.list_(pa.float32()))}
    )


LISTS = batch([[1, 2, 3, 2], [], [4], [2, 3]], [[2, 3, 2, 7], [], [9], [3, 8]], [0, 1, 1, 0])
ROWS = batch(
    [[1], [1, 2], [1, 2, 3], [1, 2, 3, 2], [4], [2], [2, 3]],
    [[2], [3], [2], [7], [9], [3], [8]],
    [0, 0, 0, 0, 1, 0, 0],
)


def test_each_element_is_a_row_with_those_before_it() -> None:
    placed = by_place(LISTS, spec_of("next_of: items,"))
    assert placed.features.to_pylist() == ROWS.to_pylist()
    assert placed.rows.tolist() == [0, 0, 0, 0, 2, 3, 3]


@pytest.mark.parametrize("memory", ["by_last", "by_two", "by_country", "all_rows"])
def test_memories_count_the_elements_of_lists_as_they_count_rows(memory: str) -> None:
    counted: list[dict[Key, PairCounts]] = [{}, {}]
    memories.add(counted[0], LISTS, spec_of("next_of: items,"), "train", SIZES)
    memories.add(counted[1], ROWS, spec_of(""), "train", SIZES)
    for key in ((memory, "train"), (memory, "train", "next")):
        ours, theirs = (added(found[key]).parts[0] for found in counted)
        assert ours.to_pylist() == theirs.to_pylist()
        assert ours.num_rows


def test_a_list_has_rows_on_the_sides_that_it_is_long_enough_for() -> None:
    """As docs/sequences.md says: a list is read up to an element, which is to be predicted."""
    lists = [["a", "b", "c", "d"], ["a", "b", "c"], ["a", "b"], [], ["a", "b", "c", "d", "e"]]
    typed = pa.RecordBatch.from_pydict({"items": pa.array(lists, pa.list_(pa.string()))})
    following = NextElements(("items",), {"next": "items"}, places=3, held_out=(2, 1))
    rows, ends, sides = following.rows(typed)
    made = following.cut(typed.take(pa.array(rows)), ends).to_pylist()
    found = [
        (int(row), int(side), "".join(one["items"]), "".join(one["next"]))
        for row, side, one in zip(rows, sides, made, strict=True)
    ]
    assert sorted(found) == [
        *((0, 0, "a", "b"), (0, 1, "ab", "bc"), (0, 2, "abc", "bcd")),
        *((1, 0, "a", "b"), (1, 2, "ab", "bc")),
        *((2, 0, "a", "b"), (3, 0, "", "")),
        *((4, 0, "ab", "bc"), (4, 1, "abc", "bcd"), (4, 2, "bcd", "cde")),
    ]
    assert np.all(np.diff(rows) >= 0)
