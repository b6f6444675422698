"""Surprise of a row's values: how rare such a value was among the training rows.

Of a value it is -log of the share of training values that were at least as unusual: as rare as the
text or rarer, or as far out in the same half of the numbers. Over training rows that is 1 in the
mean where values lie along a line, and less where they come again; an input that is unusual by one
in a hundred has 4.6. A row's distance is the mean over its inputs. It knows them one by one: a pair
of usual values that never came together is no surprise here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.analysis import Analysis, is_missing
from kinds.lists import list_lengths
from pipeline.distributions import Distribution

Array = npt.NDArray[Any]


class Surprise:
    """Of one input, by what the model says of its training values."""

    def __init__(self, analysis: Analysis, training: Distribution) -> None:
        self._analysis, self._training = analysis, training
        self._of_missing = -np.log((training["missing"] + 1) / (_rows(training) + 2))

    def of(self, typed: pa.RecordBatch) -> Array:
        """float64 [rows]: of a list the mean of its values; 0 for an empty one."""
        column = typed.column(self._analysis.field.output)
        if self._analysis.is_number:
            return self._of_numbers(column, typed)
        texts, owners = self._texts(column)
        missing = is_missing(texts).to_numpy(zero_copy_only=False)
        found = np.where(missing, self._of_missing, self._of_texts(texts))
        return _means(found, owners, len(column))

    def _texts(self, column: pa.Array) -> tuple[pa.Array, Array]:
        """All values, and the row of each. A flag is "0" or "1"."""
        lists = self._analysis.lists(column)
        if lists is not None:
            return lists.flatten(), np.repeat(np.arange(len(column)), list_lengths(lists))
        if pa.types.is_floating(column.type):
            whole = pc.if_else(pc.is_nan(column), None, column).cast(pa.int8())
            column = whole.cast(pa.string())
        return column, np.arange(len(column))

    def _of_texts(self, texts: pa.Array) -> Array:
        top = self._training["top"]
        values = max(1, self._training["values"])
        counts = np.array([count for _, count in top], np.float64)
        unlisted = values - counts.sum()
        as_rare = [unlisted + counts[counts <= count].sum() for count in counts]
        shares = np.maximum(np.array([*as_rare, unlisted]), 1) / values
        known = pa.array([text for text, _ in top], pa.string())
        at = pc.fill_null(pc.index_in(texts, known), len(top)).to_numpy(zero_copy_only=False)
        return np.asarray(-np.log(np.minimum(shares, 1.0))[at])

    def _of_numbers(self, column: pa.Array, typed: pa.RecordBatch) -> Array:
        if not pa.types.is_list(column.type):
            numbers = self._analysis.numbers(typed)
            return np.where(np.isnan(numbers), self._of_missing, self._outlying(numbers))
        owners = np.repeat(np.arange(len(column)), list_lengths(column))
        each = self._outlying(column.flatten().to_numpy(zero_copy_only=False))
        is_missing = column.is_null().to_numpy(zero_copy_only=False)
        return np.where(is_missing, self._of_missing, _means(each, owners, len(column)))

    def _outlying(self, numbers: Array) -> Array:
        known = np.array(self._training["percentiles"], np.float64)
        if not len(known):
            return np.zeros(len(numbers))
        there = np.nan_to_num(numbers.astype(np.float64), nan=known[0])
        up_to = np.searchsorted(known, there, side="right")
        from_on = len(known) - np.searchsorted(known, there, side="left")
        share = np.minimum(1.0, 2 * np.minimum(up_to, from_on) / len(known))
        # Beyond the least and the greatest it grows with the logarithm of how far beyond.
        gap = np.maximum(known[0] - there, 0) + np.maximum(there - known[-1], 0)
        span = max(known[-1] - known[0], np.finfo(np.float32).tiny)
        beyond = 1 / len(known) / (1 + gap / span)
        return np.asarray(-np.log(np.where(share > 0, share, beyond)))


def _rows(training: Distribution) -> int:
    return int(training["values"] + training["missing"])


def _means(values: Array, owners: Array, rows: int) -> Array:
    sums, counts = np.bincount(owners, values, rows), np.bincount(owners, minlength=rows)
    return np.asarray(sums / np.maximum(counts, 1))
