"""A run before its first step: what is counted of the train rows, how held-out rows are read."""

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


def test_held_out_rows_are_read_as_often_as_one_likes_and_described_once(tmp_path: Path) -> None:
    data = read_data(tiny_data(tmp_path / "data", spec=tiny_spec()))
    run, _ = runs.open_run(data, data.spec)
    described = run.batches("eval")
    assert run.batches("eval") is described and run.batches("test") is not described
    first, again = ([batch.weights.numpy().tolist() for batch in described] for _ in range(2))
    assert first == again and sum(map(len, first)) >= data.rows("eval")
    # Another order, or a later beginning, is another reading.
    assert run.batches("eval", order=(1, 0)) is not described
    assert len(list(run.batches("eval", skip=1))) == len(first) - 1
