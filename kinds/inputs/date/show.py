"""A date, shown; made-up days of some two years."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.inputs.date.looks import could_be as could_be

if TYPE_CHECKING:
    from kinds.inputs.date.spec import Date

_FIRST, _LAST = 1_640_995_200, 1_704_067_200


def lines(part: "Date") -> list[str]:
    return ["a date", *(f"{piece}, {way}" for piece, way in part.ways.items())]


def missing(part: "Date") -> str:
    return "said by ids and flags of its own" if part.missing is None else "the row is bad"


def made_up(
    part: "Date", texts: Sequence[str], count: int, missing: float, random: np.random.Generator
) -> tuple[pa.Array, np.ndarray]:
    """What a date is worth goes up and down with its first part."""
    times = pa.array(random.integers(_FIRST, _LAST, count), pa.timestamp("s"))
    worth = _worth(next(iter(part.ways)), times)
    gaps = random.random(count) < (missing if part.missing is None else 0)
    cells = pc.if_else(pa.array(gaps), pa.scalar(None, times.type), times)
    return _written(cells, part.format), np.where(gaps, 0.0, worth)


def _worth(piece: str, times: pa.Array) -> np.ndarray:
    """float [rows] of mean 0 and variance near 1."""
    found = {
        "year": pc.year,
        "month": pc.month,
        "day": pc.day,
        "weekday": pc.day_of_week,
        "hour": pc.hour,
        "days": lambda those: pc.days_between(pa.scalar(0, those.type), those),
    }[piece](times)
    numbers = found.to_numpy(zero_copy_only=False).astype(np.float64)
    return (numbers - numbers.mean()) / (numbers.std() or 1.0)


def _written(times: pa.Array, form: str) -> pa.Array:
    """The cells as the format of a spec has them."""
    if form == "iso":
        return times
    if form in ("seconds", "milliseconds"):
        counted = times.cast(pa.int64())
        return counted if form == "seconds" else pc.multiply(counted, 1_000)
    letters = {"Y": "%Y", "M": "%m", "D": "%d"}
    parts = [("%b" if part == "Mon" else part) for part in form.split()]
    return pc.strftime(
        times, " ".join("".join(letters.get(letter, letter) for letter in part) for part in parts)
    )
