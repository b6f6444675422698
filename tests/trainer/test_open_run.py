"""A run before its first step: what is counted of the train rows."""

from collections import Counter
from pathlib import Path

import pytest
from tiny_data import tiny_data, tiny_spec

from pipeline.folders.data import DataFolder
from trainer import run as runs
from trainer.data_folder import read_data


def counted(data: DataFolder) -> Counter[tuple[float, ...]]:
    """The train rows that a run counts, each with how often it is there."""
    _, columns = runs.open_run(data, data.spec)
    names = ("word", "size", "label", "row.weight")
    return Counter(zip(*(columns[name].tolist() for name in names), strict=True))


def test_no_more_rows_are_counted_than_fit_and_the_seed_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = read_data(tiny_data(tmp_path / "data", spec=tiny_spec()))
    every = counted(data)
    assert every.total() == data.rows("train") > 20
    monkeypatch.setattr(runs, "ROWS_COUNTED", 20)
    some = counted(data)
    assert some.total() == 20
    assert some <= every
    assert some == counted(data)
