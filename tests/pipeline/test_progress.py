"""Progress says what is done, how fast, and how long it will still take."""

import io
import re
import sys
import time

import pytest

from pipeline.console.progress import Progress, drawn, duration, lasting, progress_line


def test_time_left_is_what_remains_at_the_speed_so_far() -> None:
    assert "0:30 left" in progress_line("score", "rows", 100, 400, seconds=10.0)


def test_what_an_earlier_process_did_says_nothing_of_the_speed() -> None:
    said = progress_line("epoch 2 of 3", "steps", 60, 100, 10.0, before=50, later=100, more=7.0)
    # 1 step/s; 40 steps and 100 later ones, and 7 seconds between.
    assert said == "epoch 2 of 3: 60 of 100 steps, 1 steps/s, 2:27 left"


def test_what_is_brief_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log, now = io.StringIO(), [0.0]
    monkeypatch.setattr(sys, "stderr", log)
    for seconds in (4, 8):
        progress = Progress("judge", total=8, unit="rows", brief=True, clock=lambda: now[0])
        for row in range(seconds):
            now[0] += 1
            progress.at(row)
        progress.end(seconds)
    assert [line.split()[1] for line in log.getvalue().splitlines()] == ["4", "8"]


def test_what_lasts_says_so_and_what_does_not_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with lasting("save the model"):
        pass
    assert not log.getvalue()
    monkeypatch.setattr("pipeline.console.progress.SECONDS_WITHOUT_A_LINE", 0.05)
    until = time.monotonic() + 60
    with lasting("save the model"):
        while not log.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    first, last = log.getvalue().splitlines()
    assert first.startswith("save the model: 0:0") and last.startswith("save the model: 0:0")


def test_without_a_total_nothing_is_promised() -> None:
    assert progress_line("score", "rows", 1234, None, 10.0) == "score: 1,234 rows, 123 rows/s"


def test_an_estimate_that_was_too_low_promises_no_time_before_now() -> None:
    assert progress_line("prepare", "rows", 12, 10, 2.0).endswith("6 rows/s, 0:00 left")


def test_at_the_end_an_estimate_is_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    Progress("prepare", total=90, unit="rows").end(100)
    assert "100 of 100 rows" in capsys.readouterr().err


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


@pytest.mark.parametrize("width", [60, 200])
def test_a_terminal_gets_one_line_that_fits_with_a_bar(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", str(width))
    line = drawn("train: 50 of 100 steps, 5 steps/s, 0:10 left, loss 6.1", 50, 100)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)
    assert "\n" not in text
    assert 40 < len(text.rstrip()) <= width
    assert text.startswith("━" * 12)
    assert "train: 50 of 100 steps" in text


def test_without_rich_the_line_is_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert drawn("x" * 99, 5, 10) == "x" * 29
