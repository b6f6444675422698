"""Points of the data come to lie where they belong in the box."""

import math

import pytest

from kinds.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Chart,
    Series,
    spanning,
)


def test_the_ends_of_the_axes_are_the_corners_of_the_box() -> None:
    chart = Chart("", Axis("", 1, 100, log=True), Axis("", -1, 1), [])
    assert chart.at(1, -1) == (LEFT, HEIGHT - BOTTOM)
    assert chart.at(100, 1) == (WIDTH - RIGHT, TOP)
    assert chart.at(10, 0) == ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)


@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [-1.5, 2.5], [1e-9, 2e-9], [0, 1e12], []])
@pytest.mark.parametrize("log", [False, True])
def test_an_axis_has_room_and_ticks_for_any_values(values: list[float], log: bool) -> None:
    axis = spanning("", values, log=log)
    assert axis.low < axis.high
    drawn = [value for value in values if value > 0 or not log]
    assert all(axis.low <= value <= axis.high for value in drawn)
    ticks = [value for value, _ in axis.ticks()]
    assert len(ticks) <= 8
    assert all(axis.low - 1e-9 <= tick <= axis.high * (1 + 1e-9) for tick in ticks)


def test_whole_numbers_have_whole_ticks() -> None:
    assert [text for _, text in spanning("", [1, 3], whole=True).ticks()] == ["1", "2", "3"]


def test_a_path_goes_through_the_points_in_order() -> None:
    series = Series("", [(0, 0), (1, 1)])
    chart = Chart("", Axis("", 0, 1), Axis("", 0, 1), [series])
    assert chart.path(series) == f"M{LEFT} {HEIGHT - BOTTOM}L{WIDTH - RIGHT} {TOP}"
    assert chart.path(Series("", [])) == ""


def test_what_is_not_finite_takes_no_room() -> None:
    assert spanning("", [1.0, math.inf, math.nan]).high < 2
