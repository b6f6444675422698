"""The last rows of each group, compared with Python's own sort."""

import numpy as np
import pytest

from pipeline.sides import last_rows
from pipeline.sides.last_rows import GroupRows, HeldOut, LastRows


def some_rows(count: int, seed: int = 0) -> GroupRows:
    """Groups of one row up to many, with times that many rows share."""
    random = np.random.default_rng(seed)
    groups = (random.pareto(0.7, count) * 3).astype(np.uint64) % np.uint64(500)
    return GroupRows(groups, random.integers(-5, 20, count), random.permutation(count) * 4)


def in_python(rows: GroupRows, eval_rows: int, test_rows: int) -> tuple[list[int], list[int]]:
    by_group: dict[int, list[tuple[int, int]]] = {}
    for group, at, origin in zip(rows.groups, rows.at, rows.origins, strict=True):
        by_group.setdefault(int(group), []).append((int(at), int(origin)))
    evals: list[int] = []
    tests: list[int] = []
    for own in by_group.values():
        later = [origin for _, origin in sorted(own)][1:][::-1]
        tests += later[:test_rows]
        evals += later[test_rows : test_rows + eval_rows]
    return sorted(evals), sorted(tests)


def parts_of(rows: GroupRows, count: int) -> list[GroupRows]:
    columns = [np.array_split(one, count) for one in (rows.groups, rows.at, rows.origins)]
    return [GroupRows(*one) for one in zip(*columns, strict=True)]


def as_lists(found: HeldOut) -> tuple[list[int], list[int]]:
    return found.eval.tolist(), found.test.tolist()


@pytest.mark.parametrize(("eval_rows", "test_rows"), [(1, 1), (0, 1), (2, 0), (3, 2), (0, 0)])
def test_the_last_rows_are_held_out_in_any_order_and_on_any_number_of_workers(
    eval_rows: int, test_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_rows, "_LEAST_ROWS", 100)
    rows = some_rows(5_000)
    expected = in_python(rows, eval_rows, test_rows)
    one = LastRows(eval_rows, test_rows)
    for part in parts_of(rows, 40):
        one.add(part)
    assert as_lists(one.held_out()) == expected
    workers = [LastRows(eval_rows, test_rows) for _ in range(3)]
    for at, part in enumerate(parts_of(rows, 40)[::-1]):
        workers[at % 3].add(part)
    workers[1].compact()
    for other in workers[1:]:
        workers[0].merge(other)
    assert as_lists(workers[0].held_out()) == expected


def test_a_group_keeps_a_row_to_train_on_and_test_comes_before_eval() -> None:
    groups = np.array([1, 2, 2, 3, 3, 3, 4, 4, 4, 4], np.uint64)
    found = LastRows(1, 1)
    found.add(GroupRows(groups, np.arange(10), np.arange(10) * 4))
    assert as_lists(found.held_out()) == ([16, 32], [8, 20, 36])


def test_of_rows_with_one_time_the_later_in_the_files_is_the_last() -> None:
    found = LastRows(0, 1)
    found.add(GroupRows(np.zeros(3, np.uint64), np.zeros(3, np.int64), np.array([8, 4, 0])))
    assert as_lists(found.held_out()) == ([], [8])


def test_memory_is_bounded_by_the_groups_not_by_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_rows, "_LEAST_ROWS", 1_000)
    found, most = LastRows(1, 1), 0
    for at in range(500):
        random = np.random.default_rng(at)
        origins = np.arange(1_000) + at * 1_000
        groups = random.integers(0, 300, 1_000).astype(np.uint64)
        found.add(GroupRows(groups, random.integers(0, 10**9, 1_000), origins))
        most = max(most, sum(map(len, found._parts)))
    # Three rows of each of 300 groups, what waits, and a batch.
    assert most <= 3 * 300 + 1_000 + 1_000


def test_no_rows_hold_nothing_out() -> None:
    assert as_lists(LastRows(1, 1).held_out()) == ([], [])
