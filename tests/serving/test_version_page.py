"""The page of versions: the curves of each head, and what was decided of each version."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import Browser

from pipeline.failures import Exit, Failure
from serving import history

HOSTILE = "<script>document.title = 'run'</script>"


def versions() -> list[dict[str, Any]]:
    """One that was adopted, one published, one refused, one rolled back."""
    found = []
    for number, state in enumerate(("adopted", "published", "refused", "rolled back"), 1):
        loss, accuracy = {"a": 0.5, "b": 0.5 - number / 100}, {"a": 0.7, "b": 0.7 + number / 100}
        metrics = {"log_loss": loss, "accuracy@1": accuracy, "accuracy@10": accuracy}
        head = {"kind": "classification", "metrics": metrics}
        found.append(
            {
                "number": number,
                "state": state,
                "at": f"2026-11-0{number}",
                "rolled_back": "2026-11-09" if state == "rolled back" else None,
                "why": HOSTILE,
                "lines": [HOSTILE],
                "heads": {} if number == 1 else {"drink": head},
            }
        )
    return found


def test_each_head_has_a_curve_of_its_loss_and_of_what_stands_for_it() -> None:
    charts = list(history.head_charts(versions(), "drink"))
    assert [chart.title for chart in charts] == [
        "drink: log loss",
        "drink: accuracy@1",
        "drink: accuracy@10",
    ]
    now, before = charts[0].series
    assert now.points == [(2.0, 0.48), (3.0, 0.47), (4.0, 0.46)]
    assert before.points == [(2.0, 0.5), (3.0, 0.5), (4.0, 0.5)]
    assert [x for x, _ in charts[0].bars] == [3.0, 4.0]


def test_the_page_says_what_is_served_and_why(tmp_path: Path) -> None:
    (tmp_path / "versions.json").write_text(json.dumps(versions()))
    page = tmp_path / "history.html"
    history.run(["--versions", str(tmp_path / "versions.json"), "--output", str(page)])
    text = page.read_text()
    assert "Version 2 is served" in text and "Version 4: rolled back" in text
    assert HOSTILE not in text
    with Browser(tmp_path / "profile") as browser:
        browser.look(width=1200)
        browser.open(page.as_uri())
        assert browser.problems == [] and browser.requests == [page.as_uri()]
        assert browser.evaluate("document.title") == "Versions"
        curves = "[...document.querySelectorAll('path.line')].map(p => p.getTotalLength())"
        lengths = browser.evaluate(curves)
        assert len(lengths) == 3 and min(lengths) > 100
        assert browser.evaluate("document.documentElement.scrollWidth") <= 1200


def test_a_single_version_has_a_page_without_curves() -> None:
    text = history.render(versions()[:1])
    assert "Version 1 is served" in text and "<svg viewBox" not in text


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "versions.json").write_text("{")
    with pytest.raises(Failure) as failed:
        history.run(["--versions", str(tmp_path / "versions.json"), "--output", "page.html"])
    assert failed.value.exit_code == Exit.INTEGRITY
