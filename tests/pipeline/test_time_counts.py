"""Where shares of the rows begin, compared with a sort of all rows."""

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.sides.time_counts import MOST_TIMES, TimeCounts


def counted(parts: list[npt.NDArray[np.int64]], most: int = MOST_TIMES) -> TimeCounts:
    found = TimeCounts(most)
    for part in parts:
        found.add(part)
    return found


def nearest(at: npt.NDArray[np.int64], share: float, after: int) -> int:
    """The time after another from which on the rows are nearest to a share, by counting them."""
    choices = [time for time in sorted({*at.tolist()}) if time > after]
    return min(choices, key=lambda time: abs(int((at >= time).sum()) - share * len(at)))


@pytest.mark.parametrize("spread", [30, 1_000, 10**12])
def test_sides_begin_as_near_to_their_shares_as_there_are_times(spread: int) -> None:
    at = np.random.default_rng(2).integers(-spread, spread, 3_000)
    begins = counted(np.array_split(at, 7)).begins(0.2, 0.1)
    assert begins is not None
    first = nearest(at, 0.3, int(at.min()))
    assert begins == [first, nearest(at, 0.1, first)]


def test_rows_of_different_times_are_shared_out_exactly() -> None:
    at = np.random.default_rng(3).permutation(1_000)
    assert counted([at]).begins(0.1, 0.1) == [800, 900]
    assert counted([at]).begins(0.1, 0) == [900]
    assert counted([at]).begins(0, 0.1) == [900, 900]
    assert counted([at]).begins(0, 0) == []


def test_each_side_has_a_time_even_where_one_has_most_rows() -> None:
    at = np.repeat([1, 2, 3], [1, 1, 998])
    assert counted([at]).begins(0.1, 0.1) == [2, 3]
    assert counted([np.repeat([1, 2, 3], [998, 1, 1])]).begins(0.1, 0.1) == [2, 3]
    assert counted([np.array([1, 1, 2])]).begins(0.1, 0.1) is None
    assert counted([np.array([1, 1])]).begins(0.1, 0) is None
    assert TimeCounts().begins(0.1, 0.1) is None


def test_beyond_the_bound_the_result_is_the_same_in_any_order_and_off_by_one_place_at_most() -> (
    None
):
    at = np.random.default_rng(4).integers(-(10**15), 10**15, 20_000)
    found = {
        tuple(counted(parts, 500).begins(0.2, 0.1) or [])
        for parts in ([at], np.array_split(at, 50), np.array_split(np.sort(at), 9))
    }
    workers = [counted([part], 500) for part in np.array_split(at, 4)]
    for other in workers[:3]:
        workers[3].merge(other)
    found.add(tuple(workers[3].begins(0.2, 0.1) or []))
    ((eval_from, test_from),) = found
    assert workers[3].times() <= 500
    # At least 251 places share the rows evenly: one of them has .4 % of the rows.
    assert abs((at >= test_from).mean() - 0.1) < 0.003
    assert abs((at >= eval_from).mean() - 0.3) < 0.003


def test_memory_is_bounded_by_the_different_times() -> None:
    found = TimeCounts(1_000)
    for at in range(200):
        found.add(np.random.default_rng(at).integers(0, 10**9, 500))
        assert (
            sum(len(places) for places, _ in found._parts) <= 1_000 + 1_000 + 500
        )  # kept, waiting, a batch
