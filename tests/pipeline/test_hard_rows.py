"""The sample of a run's rows that is sure to hold the hard ones, however rare they are."""

from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.preparing import hard_rows
from pipeline.preparing.hard_rows import HardRows, both

COUNT = 40_000
# The one row of its kind, by its place among all others.
RARE = {
    "missing": 101,
    "empty": 20_202,
    "wide": 30_303,
    "missing list": 1_404,
    "empty list": 1_505,
    "wide element": 1_606,
    "missing element": 1_707,
    "longest": 39_999,
    "unseen": 2_808,
    "not a number": 909,
    "least": 111,
    "greatest": 35_000,
}


def rows() -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Ordinary rows but for the rare ones; `word` has 5 entries, so that 5 is an unseen one."""
    words: list[str | None] = ["word"] * COUNT
    lists: list[list[str | None] | None] = [["a", "b"]] * COUNT
    numbers = np.random.default_rng(3).normal(0, 1, COUNT).astype(np.float32)
    ids = np.zeros(COUNT, np.int64)
    words[RARE["missing"]], words[RARE["empty"]], words[RARE["wide"]] = None, "", "\U0001f600"
    lists[RARE["missing list"]], lists[RARE["empty list"]] = None, []
    lists[RARE["wide element"]], lists[RARE["missing element"]] = ["a", "é"], ["a", None]
    lists[RARE["longest"]] = ["a"] * 9
    ids[RARE["unseen"]] = 5
    numbers[RARE["not a number"]] = np.nan
    numbers[RARE["least"]], numbers[RARE["greatest"]] = -9e30, 9e30
    typed = {"word": pa.array(words), "past": pa.array(lists), "age": pa.array(numbers)}
    one_each = pa.array(np.arange(COUNT + 1, dtype=np.int32))
    features = {"word": pa.ListArray.from_arrays(one_each, pa.array(ids))}
    return pa.RecordBatch.from_pydict(typed), pa.RecordBatch.from_pydict(features)


def added(start: int, size: int, than: HardRows | None) -> HardRows | None:
    """`than` with the rows of one batch."""
    typed, features = (part.slice(start, size) for part in rows())
    origin = np.arange(start, start + size, dtype=np.int64) * 4
    return hard_rows.hard_rows(typed, features, origin, {"word": 5}, than)


def sampled(sizes: list[int]) -> list[HardRows]:
    """A sample of each part of the rows, which are read in batches of these sizes."""
    found: list[HardRows] = []
    start = 0
    for size in sizes:
        sample = added(start, size, None)
        assert sample is not None
        found.append(sample)
        start += size
    assert start == COUNT
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two tables are equal, and NaN where the other has NaN."""
    return repr(one.to_pydict()) == repr(other.to_pydict())


@pytest.fixture(scope="module")
def sample() -> HardRows:
    return reduce(both, sampled([8_000] * 5))


@pytest.mark.parametrize("kind", RARE)
def test_the_one_hard_row_is_there(sample: HardRows, kind: str) -> None:
    assert RARE[kind] * 4 in sample.origins


def test_ordinary_rows_are_there_too_and_not_too_many(sample: HardRows) -> None:
    assert hard_rows.DRAWN <= len(sample.origins) <= hard_rows.DRAWN + 16 * hard_rows.MOST
    assert len(set(sample.origins.tolist())) == len(sample.origins)


def test_rows_stay_with_their_features(sample: HardRows) -> None:
    typed, features = rows()
    places = pa.array(sample.origins // 4)
    assert same(sample.typed(), typed.take(places))
    assert same(sample.features(), features.take(places))


@pytest.mark.parametrize("sizes", [[COUNT], [1] * 10 + [COUNT - 10], [9_999, 20_001, 10_000]])
def test_the_sample_is_the_same_however_rows_are_shared_out(
    sample: HardRows, sizes: list[int]
) -> None:
    parts = sampled(sizes)
    for other in (reduce(both, parts), reduce(both, parts[::-1])):
        assert same(other.table, sample.table)
        np.testing.assert_array_equal(other.keys, sample.keys)


def test_a_batch_after_the_other_gives_what_both_give() -> None:
    found = None
    for start in range(0, COUNT, 10_000):
        found = added(start, 10_000, found)
    assert found is not None
    assert same(found.table, reduce(both, sampled([20_000] * 2)).table)


def test_of_rows_that_are_large_a_few_are_kept() -> None:
    count = 100
    words = ["x" * (1 << 20) if at % 2 else "x" for at in range(count)]
    typed = pa.RecordBatch.from_pydict({"word": words})
    found = hard_rows.hard_rows(typed, typed.select([]), np.arange(count) * 4, {}, None)
    assert found is not None
    kept = pa.compute.binary_length(found.typed()["word"]).to_numpy()
    assert (kept == 1).sum() == count / 2
    assert (kept > 1).sum() == hard_rows.MOST


def test_no_rows_make_no_sample() -> None:
    typed, features = (part.slice(0, 0) for part in rows())
    assert hard_rows.hard_rows(typed, features, np.zeros(0, np.int64), {"word": 5}, None) is None
