"""The pace of an epoch's steps by a clock that the test moves, and batches that lie ready."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from trainer.pace import Paces, ahead


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


def test_the_next_batch_is_fetched_before_it_is_asked_for() -> None:
    fetched = [Event() for _ in range(3)]

    def source() -> Iterator[Any]:
        for place, event in enumerate(fetched):
            event.set()
            yield place

    handed_on: Iterator[Any] = ahead(source())
    for place in range(3):
        assert fetched[place].wait(timeout=60)
        assert next(handed_on) == place
    assert list(handed_on) == []


def test_what_goes_wrong_in_reading_is_told() -> None:
    def source() -> Iterator[Any]:
        yield 1
        raise OSError("gone")

    handed_on: Iterator[Any] = ahead(source())
    assert next(handed_on) == 1
    with pytest.raises(OSError, match="gone"):
        next(handed_on)
