"""Means, deviations and quantiles of numbers, NaN aside: what a CombineFn needs to add them up."""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tfx_bsl import sketches

QUANTILE_ERROR = 0.0001
Batch = tuple[npt.NDArray[np.float32]]
# float64 [3, numbers]: how many, their mean, the sum of squared distances from it.
Moments = npt.NDArray[np.float64]


def moments(batch: npt.NDArray[np.float32]) -> Moments:
    """Of [rows, numbers], NaN aside.

    >>> moments(np.array([[1.0], [3.0], [np.nan]], np.float32)).tolist()
    [[2.0], [2.0], [2.0]]
    """
    present = ~np.isnan(batch)
    values = np.where(present, batch, 0).astype(np.float64)
    count = present.sum(axis=0).astype(np.float64)
    mean = values.sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(present, values - mean, 0) ** 2).sum(axis=0)
    return np.stack([count, mean, squares])


def merged(one: Moments, other: Moments) -> Moments:
    """The moments of both together (Chan, Golub and LeVeque's pairwise update)."""
    count = one[0] + other[0]
    step, share = other[1] - one[1], other[0] / np.maximum(count, 1)
    mean = one[1] + step * share
    return np.stack([count, mean, one[2] + other[2] + step**2 * one[0] * share])


class Moment(beam.CombineFn):
    """Batches [rows, numbers] to float32 [2, numbers]: mean and standard deviation (0 is 1)."""

    def __init__(self, numbers: int) -> None:
        self._numbers = numbers

    def create_accumulator(self) -> Moments:
        return np.zeros((3, self._numbers))

    def add_input(self, found: Moments, batch: Batch) -> Moments:
        return merged(found, moments(batch[0]))

    def merge_accumulators(self, many: Iterable[Moments]) -> Moments:
        total = self.create_accumulator()
        for found in many:
            total = merged(total, found)
        return total

    def extract_output(self, found: Moments) -> npt.NDArray[np.float32]:
        std = np.sqrt(found[2] / np.maximum(found[0], 1)).astype(np.float32)
        return np.stack([found[1].astype(np.float32), np.where(std > 0, std, np.float32(1))])


class Quantiles(beam.CombineFn):
    """Batches [rows] to the float32 boundaries between buckets of about equal size."""

    def __init__(self, buckets: int, error: float = QUANTILE_ERROR) -> None:
        self._buckets, self._error = buckets, error

    def create_accumulator(self) -> Any:
        return sketches.QuantilesSketch(self._error, 1 << 32, 1)

    def add_input(self, sketch: Any, batch: Batch) -> Any:
        values = batch[0][~np.isnan(batch[0])].astype(np.float64)
        if len(values):
            sketch.AddValues(pa.array(values))
        return sketch

    def merge_accumulators(self, many: Iterable[Any]) -> Any:
        total, *others = many
        for sketch in others:
            total.Merge(sketch)
        return total

    def compact(self, sketch: Any) -> Any:
        sketch.Compact()
        return sketch

    def extract_output(self, sketch: Any) -> npt.NDArray[np.float32]:
        return np.unique(self.quantiles(sketch)[1:-1].astype(np.float32))

    def quantiles(self, sketch: Any) -> npt.NDArray[np.float64]:
        """float64 [buckets + 1], rising, from the least to the greatest; empty without numbers."""
        return sketch.GetQuantiles(self._buckets).flatten().to_numpy(zero_copy_only=False)


def stored(sketch: Any) -> bytes:
    """The state of a quantile sketch: what its own pickling would keep, without pickle."""
    return bytes(sketch.__getstate__())


def restored(state: bytes) -> Any:
    """The sketch with this state. Raises whatever the library does where it is none."""
    sketch = sketches.QuantilesSketch.__new__(sketches.QuantilesSketch)
    sketch.__setstate__(state)
    return sketch
