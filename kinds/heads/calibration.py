"""Predictions beside what came true, by tenths of the rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.charts import Chart, Series, percent, spanning

BINS = 10

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Point:
    """The mean of what was said in one bin of rows, and of what then was."""

    said: float
    was: float
    rows: int


def calibration(said: Array, was: Array) -> list[Point]:
    """Bins of equally many rows, by rising `said` [rows]; `was` [rows] is what came true.

    >>> calibration(np.array([0.2, 0.4]), np.array([0, 1]))
    [Point(said=0.2, was=0.0, rows=1), Point(said=0.4, was=1.0, rows=1)]
    """
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [Point(float(said[p].mean()), float(was[p].mean()), len(p)) for p in parts]


def off_by(points: Sequence[Point]) -> float:
    """The mean distance of said and was over all rows: the expected calibration error."""
    rows = sum(point.rows for point in points)
    return sum(abs(point.said - point.was) * point.rows for point in points) / max(rows, 1)


def with_targets(predictions: pa.Array, targets: pa.Array) -> tuple[Array, Array]:
    """Both as float64 [rows with a target]; the targets are NaN where they are missing."""
    said, was = (
        column.to_numpy(zero_copy_only=False).astype(np.float64)
        for column in (predictions, targets)
    )
    known = ~np.isnan(was)
    return said[known], was[known]


def probability_chart(head: str, said: Array, was: Array) -> Iterator[Chart]:
    """The chart of probabilities [rows] and of what came true, 0 or 1; none for a single row."""
    points = calibration(said, was)
    note = f"off by {percent(off_by(points))} on average; each dot a tenth of the rows"
    yield from _chart(f"{head}: calibration", ("said", "came true"), points, note, is_share=True)


def number_chart(head: str, said: Array, was: Array) -> Iterator[Chart]:
    """The chart of predicted and of real numbers [rows]; none for a single row."""
    words = ("mean prediction", "mean target")
    note = "each dot a tenth of the rows, by rising prediction"
    yield from _chart(f"{head}: predicted and real", words, calibration(said, was), note)


def _chart(
    title: str, words: tuple[str, str], points: Sequence[Point], note: str, is_share: bool = False
) -> Iterator[Chart]:
    if len(points) > 1:
        ends = [value for point in points for value in (point.said, point.was)]
        x, y = (spanning(word, ends, percent=is_share) for word in words)
        dots = Series("rows", [(point.said, point.was) for point in points], "dots")
        yield Chart(title, x, y, [dots], even=True, note=note)
