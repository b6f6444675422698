"""How the values of a column are spread, in bounded room, and how far two such spreads are apart.

A category has its most frequent values, a number its percentiles; both say how many values there
were and how many were missing. Names and measures are those of TensorFlow Data Validation: the
L-infinity distance for categories, the Jensen-Shannon divergence (base 2, from 0 to 1) for
numbers. Numpy and pyarrow only.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.distributions.value_counts import ValueCounts, chosen

TOP = 100
# And as many of them as fit here, as JSON: they travel with the model.
TOP_BYTES = 4096
# The most frequent values are found among so many distinct ones, exactly as long as there are no
# more. Beyond, a count is low by at most the number of values divided by 100,000.
COUNTED = 200_000
PERCENT = 100
Floats: TypeAlias = npt.NDArray[np.float64]
# {"values": int, "missing": int} and "percentiles": [101] of numbers; of texts "top": [[text,
# count], ...] and "unlisted", the count of the most frequent text beyond it, 0 if there is none.
Distribution: TypeAlias = dict[str, Any]


def of_texts(counts: ValueCounts, values: int, missing: int) -> Distribution:
    """The distribution of texts whose counts were kept with `limit=COUNTED`."""
    entries = chosen(counts, TOP + 1, 1)
    pairs = zip(entries.values.to_pylist(), entries.counts.to_pylist(), strict=True)
    top: list[list[Any]] = []
    room, unlisted = TOP_BYTES, 0
    for pair in map(list, pairs):
        room -= len(json.dumps(pair)) + len(", ")
        if room < 0 or len(top) == TOP:
            unlisted = pair[1]
            break
        top.append(pair)
    return {"values": values, "missing": missing, "top": top, "unlisted": unlisted}


def only_of(one: Distribution, values: Collection[str]) -> Distribution:
    """The distribution of texts, of which only some may be listed.

    >>> one = {"values": 6, "missing": 0, "top": [["a", 3], ["b", 2], ["c", 1]], "unlisted": 0}
    >>> only_of(one, ["a", "c"])
    {'values': 6, 'missing': 0, 'top': [['a', 3], ['c', 1]], 'unlisted': 2}
    """
    known = frozenset(values)
    left_out = [count for text, count in one["top"] if text not in known]
    top = [pair for pair in one["top"] if pair[0] in known]
    return one | {"top": top, "unlisted": max([one["unlisted"], *left_out])}


def of_numbers(percentiles: Sequence[float], values: int, missing: int) -> Distribution:
    """`percentiles` are 101 rising numbers from the least to the greatest; none without values."""
    return {"values": values, "missing": missing, "percentiles": list(percentiles)}


def l_infinity(old: Distribution, new: Distribution) -> tuple[float, str | None]:
    """The greatest difference of a value's share, and that value; None is a missing one.

    A value that is not listed may have any share up to that of the most frequent such one: it
    counts as the one that makes the difference least, so the distance is never said too great.

    >>> old = {"values": 4, "missing": 0, "top": [["a", 3], ["b", 1]], "unlisted": 0}
    >>> new = {"values": 2, "missing": 2, "top": [["a", 2]], "unlisted": 0}
    >>> l_infinity(old, new)
    (0.5, None)
    """
    shares, others = _shares(old), _shares(new)
    rest, other_rest = _unlisted(old), _unlisted(new)
    found = {}
    for value in [*shares, *(value for value in others if value not in shares)]:
        one = shares.get(value, min(rest, others.get(value, 0.0)))
        other = others.get(value, min(other_rest, one))
        found[value] = abs(one - other)
    most = max(found, key=lambda value: found[value])
    return found[most], most


def _shares(one: Distribution) -> dict[str | None, float]:
    total = max(1, one["values"] + one["missing"])
    return {None: one["missing"] / total} | {text: count / total for text, count in one["top"]}


def _unlisted(one: Distribution) -> float:
    """The greatest share that a value may have which is not listed."""
    return float(one["unlisted"] / max(1, one["values"] + one["missing"]))


def edges(one: Distribution) -> Floats:
    """The borders between the buckets in which numbers are compared: the least, nine deciles, the
    greatest, each once. A border belongs to the bucket below it."""
    return np.unique(np.array(one["percentiles"][:: PERCENT // 10], np.float64))


def masses(one: Distribution, borders: Floats) -> Floats:
    """The shares of the buckets between the borders, and of what is missing as the last."""
    below = np.concatenate([[0.0], _share_below(one["percentiles"], borders), [1.0]])
    return _with_missing(np.diff(below) if one["percentiles"] else np.zeros(len(below) - 1), one)


def counted_masses(counts: npt.NDArray[np.int64], missing: int) -> Floats:
    """The same from the number of values in each bucket."""
    one = {"values": int(counts.sum()), "missing": missing}
    return _with_missing(counts / max(1, one["values"]), one)


def bucket_counts(numbers: Floats, borders: Floats) -> npt.NDArray[np.int64]:
    """int64 [borders + 1]: how many numbers are in each bucket. None of them is NaN."""
    places = np.searchsorted(borders, numbers, side="left")
    return np.bincount(places, minlength=len(borders) + 1)


def jensen_shannon(old: Floats, new: Floats) -> float:
    """The divergence of two lists of shares, from 0 to 1 (Lin 1991, with logarithms to base 2).

    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (old + new) / 2
    parts = [one * np.log2(np.where(one > 0, one, 1) / np.where(one > 0, middle, 1))
             for one in (old, new)]  # fmt: skip
    return float(sum(part.sum() for part in parts) / 2)


def _share_below(percentiles: Sequence[float], at: Floats) -> Floats:
    """The share of numbers up to each of `at`: straight lines between the percentiles."""
    known = np.array(percentiles, np.float64)
    if not len(known):
        return np.zeros(len(at))
    last = np.searchsorted(known, at, side="right") - 1
    low, high = np.maximum(last, 0), np.minimum(last + 1, PERCENT)
    width = known[high] - known[low]
    part = np.where(width > 0, (at - known[low]) / np.where(width > 0, width, 1), 0)
    return np.where(last < 0, 0.0, np.minimum(last + part, PERCENT) / PERCENT)


def _with_missing(shares: Floats, one: Distribution) -> Floats:
    missing = one["missing"] / max(1, one["values"] + one["missing"])
    return np.append(shares * (1 - missing), missing)
