"""Progress says what is done, how fast, and how long it will still take."""

import io
import sys

import pytest

from pipeline.progress import Progress, duration, progress_line


def test_time_left_is_what_remains_at_the_speed_so_far() -> None:
    assert "0:30 left" in progress_line("score", "rows", 100, 400, seconds=10.0)


def test_without_a_total_nothing_is_promised() -> None:
    assert progress_line("score", "rows", 1234, None, 10.0) == "score: 1,234 rows, 123 rows/s"


def test_the_first_moment_has_no_speed_and_no_end() -> None:
    assert progress_line("score", "rows", 0, 5, 0.0) == "score: 0 of 5 rows, 0.00 rows/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3600, "1:00:00")]
)
def test_durations_read_as_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_log_gets_a_line_every_ten_seconds_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    log, now = io.StringIO(), [0.0]
    monkeypatch.setattr(sys, "stderr", log)
    progress = Progress("train", total=100, unit="steps", clock=lambda: now[0])
    for step in range(100):
        now[0] = step / 4
        progress.at(step)
    progress.end(100)
    steps = [line.split()[1] for line in log.getvalue().splitlines()]
    assert steps == ["40", "80", "100"]
    assert "\r" not in log.getvalue()
