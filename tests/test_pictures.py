"""The pictures of rows are in the documents, small, and each has a command that draws it."""

import pytest
from documents import ROOT
from pictures import PICTURES, page_of

PAGES = {"why": "explaining"}
MOST_BYTES = 170_000


@pytest.mark.parametrize("name", PICTURES)
def test_each_picture_stands_on_its_page_with_the_command_that_draws_it(name: str) -> None:
    text = (ROOT / "docs" / f"{PAGES.get(name, name)}.md").read_text(encoding="utf-8")
    assert f"](pictures/{name}.png)" in text
    assert "`make pictures` draws it" in text
    assert 0 < (ROOT / "docs" / "pictures" / f"{name}.png").stat().st_size < MOST_BYTES


def test_an_interval_that_misses_the_number_and_a_set_without_the_label_are_marked() -> None:
    row = {"before": "f (", "labels": ["<a>"], "label": "<a>", "low": 2.0, "high": 4.0, "number": 3}
    missed = {**row, "label": "b", "number": 5}
    right, wrong = (page_of("x", title="", sets=[one], most=10) for one in (row, missed))
    assert 'class="at"' in right and 'label right">&lt;a&gt;<' in right and 'missed">' not in right
    assert 'class="out"' in wrong and 'label right">' not in wrong
    assert wrong.count('missed">') == 2 and 'x="20.0" width="20.0"' in wrong
