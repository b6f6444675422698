"""The next item: rows from events or made up."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chain import words

from examples.next_item import rows
from pipeline.failures import Failure


def test_events_become_a_list_for_each_user_in_the_order_of_their_times(tmp_path: Path) -> None:
    events, output = tmp_path / "events.csv", tmp_path / "users.parquet"
    lines = [
        "user,item,time",
        "7,x,2020-01-02",
        "8,y,2020-01-01",
        "7,z,2020-01-01",
        "7,w,2020-01-01",
    ]
    events.write_text("\n".join(lines), encoding="utf-8")
    rows.run(words("--events", events, "--output", output))
    assert pq.read_table(output).to_pylist() == [
        {"user": "7", "items": ["z", "w", "x"]},
        {"user": "8", "items": ["y"]},
    ]


def test_what_is_not_the_table_is_one_clear_message(tmp_path: Path) -> None:
    events, output = tmp_path / "events.csv", tmp_path / "users.parquet"
    with pytest.raises(Failure, match="must be a file"):
        rows.run(words("--events", events, "--output", output))
    events.write_text("user,time\n7,1\n", encoding="utf-8")
    with pytest.raises(Failure, match=r"events\.csv must have the columns \['item'\]"):
        rows.run(words("--events", events, "--output", output))


def test_made_up_users_go_on_to_one_of_three_items_that_often_follow() -> None:
    """Seven times in ten, and by chance at other times."""
    lists = rows.made_up(2000)["items"].to_pylist()
    steps = Counter(pair for items in lists for pair in pairwise(items))
    often = Counter[str]()
    for (item, _), count in steps.most_common(3 * rows.ITEMS):
        often[item] += count
    assert 0.68 < often.total() / steps.total() < 0.8
