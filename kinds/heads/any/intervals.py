"""Intervals of metrics, by the bootstrap over groups of rows.

Rows of one user, one match or one file are alike: 1,000 rows of ten users say as much as ten. So
whole groups are drawn, with replacement (Efron 1979, Bootstrap Methods: Another Look at the
Jackknife, Annals of Statistics 7; for groups Field and Welsh 2007, Bootstrapping Clustered Data,
JRSS B 69). A metric is made of sums over rows, and the sums of each of BUCKETS buckets of groups
are all that a draw needs: memory and time do not grow with the rows, and two models that are drawn
alike have a difference with an interval of its own. NumPy only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from kinds.heads.any.metrics import (
    CALIBRATION_BINS,
    SCORES_KEPT,
    Array,
    Metrics,
    Rows,
    Settings,
    Totals,
)

BUCKETS, DRAWS, LEVEL = 1024, 1000, 0.95
# Of fewer groups than these no interval is given: what so few say of others is anybody's guess.
FEWEST = 10
CHUNK = 1 << 16
CALIBRATION = "expected_calibration_error"
_AREA = "auc"

Interval = tuple[float, float]


class Draws(NamedTuple):
    """How often each of some buckets is drawn: `places` [n] of them, `counts` [draws, n]."""

    places: Array
    counts: Array


@dataclass
class RowValues(Totals):
    """What each row adds to the metrics of a head, where `Totals` keeps the sums: {metric: (values,
    weights) [rows]}."""

    parts: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    ranked: tuple[Array, Array, Array] | None = None
    said: tuple[Array, Array, Array] | None = None

    def add_mean(
        self, metric: str, values: Array, weights: Array, among: Array | None = None
    ) -> None:
        if among is not None:
            all_values, all_weights = np.zeros((2, len(among)))
            all_values[among], all_weights[among] = values, weights
            values, weights = all_values, all_weights
        self.parts[metric] = np.asarray(values, np.float64), weights

    def add_scores(self, logits: Array, target: Array, weights: Array) -> None:
        self.ranked = logits, target, weights

    def add_calibration(self, predicted: Array, was: Array, weights: Array) -> None:
        self.said = predicted, was, weights


def row_values(
    add: Callable[[Totals, Rows, Array], None],
    confidence: Callable[[Rows], tuple[Array, Array] | None],
    rows: Rows,
    weights: Array,
    settings: Settings,
) -> RowValues:
    """Of rows that all have a target; `add` and `confidence` are those of the head's kind."""
    found = RowValues(settings=settings)
    add(found, rows, weights)
    if said := confidence(rows):
        found.add_calibration(*said, weights)
    return found


class GroupSums:
    """The sums of one head's metrics in each of `slices` slices and each bucket of groups.

    A row belongs to one slice at most; without slices all rows are one.
    """

    def __init__(self, slices: int = 1) -> None:
        self._slices = slices
        self._sums: dict[str, Array] = {}
        self._binned: Array | None = None
        self._ranked: list[Array] = []
        self.rows = np.zeros([slices, BUCKETS], np.int64)

    def add(self, values: RowValues, buckets: Array, slices: Array | None = None) -> None:
        """`buckets` and `slices` [rows]; a slice below 0 is none."""
        own = np.zeros(len(buckets), np.int64) if slices is None else slices
        there = own >= 0
        place = own[there] * BUCKETS + buckets[there]
        size, shape = self._slices * BUCKETS, (self._slices, BUCKETS)
        self.rows += np.bincount(place, minlength=size).reshape(shape)
        for metric, (value, weight) in values.parts.items():
            held, weighted = weight[there], value[there] * weight[there]
            sums = [np.bincount(place, of, size).reshape(shape) for of in (weighted, held)]
            before = self._sums.get(metric)
            self._sums[metric] = np.stack(sums) if before is None else before + sums
        if values.said is not None:
            predicted, was, weight = values.said
            self._add_calibration(predicted[there], was[there], weight[there], place)
        if values.ranked is not None and sum(map(len, self._ranked)) < SCORES_KEPT:
            ranked = [of[there] for of in values.ranked]
            self._ranked.append(np.stack([*ranked, place], axis=1))

    def groups(self, at: int = 0) -> int:
        """How many buckets of the slice have rows: the number of groups, where there are few."""
        return int((self.rows[at] > 0).sum())

    def metrics(self, at: int = 0) -> Metrics:
        """All metrics of the slice; `targets` is the number of its rows."""
        found = self.drawn(at, all_once(self.rows[at] > 0))
        whole: Metrics = {"targets": int(self.rows[at].sum())}
        return whole | {name: float(values[0]) for name, values in found.items()}

    def intervals(self, at: int = 0) -> dict[str, Interval]:
        """{metric: (from, to)} of LEVEL; none of too few groups, or where all rows are alike, as
        when each is right: draws of those say nothing of others."""
        groups = self.groups(at)
        if groups < FEWEST:
            return {}
        drawn, own = self.drawn(at, draws(self.rows[at] > 0)), self.metrics(at)
        found = {
            name: interval(values, groups, own[name] if name == CALIBRATION else None)
            for name, values in drawn.items()
            if np.nanmin(values) < np.nanmax(values)
        }
        if _AREA in found:
            # The draws of an area are straight lines, which go on beyond 1.
            low, high = found[_AREA]
            found[_AREA] = max(0.0, low), min(1.0, high)
        return found

    def of(self, metric: str, at: int) -> Array:
        """[2, BUCKETS]: sums of weight * value and of weight of a metric that is a mean."""
        return np.asarray(self._sums[metric][:, at])

    def drawn(self, at: int, of: Draws) -> dict[str, Array]:
        """{metric: [draws]} with each bucket counted as often as it is drawn."""
        found = self._sums_drawn(at, of)
        means = {name: _ratio(*sums.T) for name, sums in found.items() if sums[:, 1].any()}
        if "mean_squared_error" in means:
            means["root_mean_squared_error"] = np.sqrt(means.pop("mean_squared_error"))
        if self._ranked:
            means[_AREA] = self._areas(at, of)
        if self._binned is not None:
            predicted, was, weight = self._binned[:, :, at, of.places] @ of.counts.T
            means[CALIBRATION] = _ratio(np.abs(predicted - was).sum(axis=0), weight.sum(axis=0))
        return means

    def _sums_drawn(self, at: int, of: Draws) -> dict[str, Array]:
        """{metric: [draws, 2]}, by one product: what is drawn is as large as thousands of sums."""
        if not self._sums:
            return {}
        every = np.concatenate([sums[:, at, of.places] for sums in self._sums.values()])
        drawn = np.split(of.counts @ every.T, len(self._sums), axis=1)
        return dict(zip(self._sums, drawn, strict=True))

    def _add_calibration(self, predicted: Array, was: Array, weight: Array, place: Array) -> None:
        """[3, bins, slices, BUCKETS] sums of what was said, of what was, and of weights."""
        bins = np.minimum((predicted * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        size = self._slices * BUCKETS
        sums = np.stack(
            [
                np.bincount(bins * size + place, weight * of, CALIBRATION_BINS * size)
                for of in (predicted, was, np.ones_like(predicted))
            ]
        ).reshape(3, CALIBRATION_BINS, self._slices, BUCKETS)
        self._binned = sums if self._binned is None else self._binned + sums

    def _areas(self, at: int, of: Draws) -> Array:
        """By the structural components of DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44),
        summed in each group as Obuchowski 1997 (Biometrics 53) does: the share of the other class
        that each row stands right to."""
        every = np.concatenate(self._ranked)
        score, target, weight, place = every[every[:, 3] // BUCKETS == at].T
        yes, no = weight * target, weight * (1 - target)
        if not (yes.any() and no.any()):
            return np.full(len(of.counts), 0.5)
        values, rank = np.unique(score, return_inverse=True)
        below = [np.bincount(rank, own, len(values)) for own in (no, yes)]
        no_below, yes_below = ((np.cumsum(own) - own / 2)[rank] for own in below)
        right = no_below / no.sum(), 1 - yes_below / yes.sum()
        bucket = place.astype(np.int64) % BUCKETS
        sums = [
            of.counts @ np.bincount(bucket, own, BUCKETS)[of.places]
            for own in (yes * right[0], yes, no * right[1], no)
        ]
        area = float((yes * right[0]).sum() / yes.sum())
        return _ratio(*sums[:2]) + _ratio(*sums[2:]) - area


def interval(drawn: Array, groups: int, biased: float | None = None) -> Interval:
    """The percentile interval (Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter
    13), a little wider where groups are few (Hesterberg 2015, What Teachers Should Know About the
    Bootstrap, section 5.3: percentiles are too narrow by what Student's t is wider, and by n - 1).

    `biased` is a value that noise makes greater, in a draw once more: then the interval is turned
    around it (the basic interval), and it is not below 0.
    """
    z = math.sqrt(groups / (groups - 1)) * _t_quantile((1 + LEVEL) / 2, groups - 1)
    outside = NormalDist().cdf(-z)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [outside, 1 - outside])
    if biased is not None:
        low, high = max(0.0, 2 * biased - high), max(0.0, 2 * biased - low)
    return float(low), float(high)


def difference(one: GroupSums, other: GroupSums, at: int = 0) -> dict[str, tuple[float, Interval]]:
    """{metric: (one - other, its interval)} of two models on the same rows; none of too few groups.

    Both are drawn alike, so what makes rows hard for both is no part of the difference.
    """
    groups, of = one.groups(at), draws(one.rows[at] > 0)
    if groups < FEWEST:
        return {}
    own, others = one.metrics(at), other.metrics(at)
    drawn, against = one.drawn(at, of), other.drawn(at, of)
    return {
        name: (own[name] - others[name], interval(drawn[name] - against[name], groups))
        for name in drawn
        if name in against
    }


def row_intervals(
    add: Callable[[Totals, Rows, Array], None], rows: Rows, weights: Array, settings: Settings
) -> dict[str, Interval]:
    """Of rows that all have a target, each a group of its own."""
    made = GroupSums()
    for start in range(0, len(weights), CHUNK):
        own = slice(start, start + CHUNK)
        found = RowValues(settings=settings)
        add(found, {name: values[own] for name, values in rows.items()}, weights[own])
        made.add(found, np.arange(start, start + len(weights[own])) % BUCKETS)
    return made.intervals()


def draws(among: Array) -> Draws:
    """Of the buckets `among` all [BUCKETS]: the same for all whose rows are in the same buckets."""
    places = np.flatnonzero(among)
    return Draws(places, _drawn(len(places)))


def all_once(among: Array) -> Draws:
    """Each of the buckets `among` all, as it is."""
    places = np.flatnonzero(among)
    return Draws(places, np.ones([1, len(places)]))


@lru_cache(maxsize=8)
def _drawn(groups: int) -> Array:
    """[draws, groups] how often each is drawn, the same in every process."""
    drawn = np.random.default_rng(0).multinomial(groups, np.full(groups, 1 / groups), DRAWS)
    return drawn.astype(np.float64)


def _ratio(sums: Array, weights: Array) -> Array:
    """NaN where a draw has no row that counts."""
    return np.asarray(np.divide(sums, weights, np.full(len(sums), np.nan), where=weights > 0))


def _t_quantile(share: float, freedom: int) -> float:
    """Student's t, by its expansion around the normal (Abramowitz and Stegun 1964, 26.7.5).

    >>> round(_t_quantile(0.975, 9), 2), round(_t_quantile(0.975, 1000), 2)
    (2.26, 1.96)
    """
    z = NormalDist().inv_cdf(share)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
