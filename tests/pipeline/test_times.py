"""A point in time has one place, however a file states it."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kinds.columns.texts import text
from pipeline.sides.times import CLOCK, NEITHER, NUMBER, time_text, times_of

EPOCH = datetime(1970, 1, 1)


def microseconds(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def test_days_and_times_are_counted_as_python_counts_them() -> None:
    random = np.random.default_rng(1)
    first, last = microseconds(datetime(1, 1, 1)), microseconds(datetime(9999, 12, 31, 23, 59, 59))
    whens = [EPOCH + timedelta(microseconds=int(at)) for at in random.integers(first, last, 2_000)]
    for said in (
        [when.isoformat() for when in whens],
        [when.isoformat(" ") + "Z" for when in whens],
        [when.replace(tzinfo=UTC).isoformat() for when in whens],
    ):
        found = times_of(pa.array(said))
        assert found.at.tolist() == [microseconds(when) for when in whens]
        assert (found.kind == CLOCK).all()
    days = times_of(pa.array([when.date().isoformat() for when in whens]))
    midnights = [datetime.combine(when.date(), datetime.min.time()) for when in whens]
    assert days.at.tolist() == [microseconds(when) for when in midnights]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([date(2024, 2, 29)] * 2, pa.date32()),
        pa.array([date(2024, 2, 29)] * 2, pa.date64()),
        *[pa.array([datetime(2024, 2, 29)] * 2, pa.timestamp(unit)) for unit in ("s", "ms", "ns")],
        pa.array([datetime(2024, 2, 29, tzinfo=UTC)] * 2, pa.timestamp("us", "Europe/Paris")),
        pa.array([datetime(2024, 2, 29, 3, tzinfo=timezone(timedelta(hours=3)))] * 2),
        pa.array(["2024-02-29", "2024-02-29T00:00:00.000"]),
        pa.array([" 2024-02-29 ", "2024-02-29 00:00"]).dictionary_encode(),
    ],
)
def test_the_same_time_of_any_type_has_one_place(column: pa.Array) -> None:
    found = times_of(text(column))
    assert found.at.tolist() == [microseconds(datetime(2024, 2, 29))] * 2
    assert found.kind.tolist() == [CLOCK] * 2


@pytest.mark.parametrize(
    "values",
    [
        [-1e300, -2.5, -2, -1e-300, 0, 1e-300, 1, 2022, 2023, 1_700_000_000, 1.7e12, 1e300],
        [2**53 - 1, 2**53],
        [np.float32(1.5), np.float32(2.0)],
        [Decimal("1.10"), Decimal("1.25")],
    ],
)
def test_numbers_rise_in_their_own_order(values: list[Any]) -> None:
    found = times_of(pa.array([str(value) for value in values]))
    assert (found.kind == NUMBER).all()
    assert found.at.tolist() == sorted({*found.at.tolist()})
    said = [float(time_text(int(at), NUMBER)) for at in found.at]
    assert said == [float(value) for value in values]


def test_one_number_has_one_place() -> None:
    found = times_of(pa.array(["8", "8.0", "+8", " 8.00", "0.8e1", "-0.0", "0"]))
    assert len({*found.at[:5].tolist()}) == 1 and found.at[5] == found.at[6] == 0


def test_what_is_no_time_is_neither() -> None:
    said = ["", " ", "x", "NaN", "inf", "1e999", "2023-02-29", "2024-13-01", "02/03/2024", "03:04"]
    said += ["2024-01-01 25:00:00", "12 May"]
    assert times_of(pa.array([*said, None])).kind.tolist() == [NEITHER] * (len(said) + 1)
    assert len(times_of(pa.array([], pa.string())).at) == 0


def test_the_text_of_a_time_has_its_place() -> None:
    said = ["2024-01-02", "0001-01-01", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.5"]
    found = times_of(pa.array(said))
    assert [time_text(int(at), CLOCK) for at in found.at] == said
