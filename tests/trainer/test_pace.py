"""The pace of an epoch's steps by a clock that the test moves."""

import time

import pytest

from trainer.reporting.pace import Paces


def test_every_second_and_every_row_belongs_to_one_kind_of_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 102.0, 104.0, 112.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    paces = Paces()
    paces.add("sampled", rows=10, waited=1.0)
    paces.add("sampled", rows=10, waited=0.0)
    paces.add("exact", rows=4, waited=2.0)
    assert paces.facts() == {
        "sampled": {
            "seconds": 4.0,
            "examples_per_second": 5.0,
            "share_waiting_for_data": 0.25,
        },
        "exact": {"seconds": 8.0, "examples_per_second": 0.5, "share_waiting_for_data": 0.25},
    }


def test_a_wait_after_the_last_step_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 4.0, 10.0, 13.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    paces = Paces()
    paces.add("exact", rows=20, waited=1.0)
    paces.waited("exact", 3.0)
    with paces.waiting("exact"):
        pass
    assert paces.facts()["exact"] == {
        "seconds": 10.0,
        "examples_per_second": 2.0,
        "share_waiting_for_data": 0.7,
    }
