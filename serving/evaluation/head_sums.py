"""All sums of one head that is evaluated: of all rows, and of each slice."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kinds.heads.any.intervals import GroupSums, Interval, row_values
from kinds.heads.any.metrics import Array, Metrics, Rows, Totals
from kinds.heads.metrics import KINDS
from kinds.heads.score import FileHead
from serving.evaluation.slices import SlicedRows, Slices
from serving.evaluation.worst import Worst, measure_of, worst
from serving.model_file.answers import NOTHING_MORE, Answers

Shown = tuple[str, Metrics, dict[str, Interval]]


class HeadSums:
    """`slices` are shown with all metrics; the worst of those `tried` are found. `answers` say
    which coverage is measured, if any."""

    def __init__(
        self,
        head: FileHead,
        slices: Sequence[Slices],
        tried: Sequence[Slices],
        answers: Answers = NOTHING_MORE,
    ) -> None:
        self.head, self._kind, self._answers = head, KINDS[head.kind], answers
        self.totals = Totals(settings=head.settings)
        self.every = GroupSums()
        self.slices = [(one, GroupSums(len(one.names()))) for one in slices]
        self._tried = [(one, GroupSums(len(one.names()))) for one in tried]
        self._measure: str | None = None

    def add(self, rows: Rows, weights: Array, buckets: Array, there: Array, of: SlicedRows) -> None:
        """`rows`, `weights` and `buckets` of the rows that are `there`, among those that are
        sliced."""
        if not len(weights):
            return
        self.totals.rows += len(weights)
        self._kind.add(self.totals, rows, weights)
        if confidence := self._kind.confidence(rows):
            self.totals.add_calibration(*confidence, weights)
        settings = self.head.settings
        found = row_values(self._kind.add, self._kind.confidence, rows, weights, settings)
        held = self._answers.held(self.head, rows)
        if held is not None:
            # What is promised is a share of rows, whatever they weigh.
            self.totals.add_mean("coverage", held, np.ones(len(held)))
            found.add_mean("coverage", held, np.ones(len(held)))
        self.every.add(found, buckets)
        for one, sums in self.slices:
            sums.add(found, buckets, one.of(of)[there])
        self._measure = self._measure or measure_of(self.head.kind, list(found.parts))
        if self._measure:
            only = {self._measure: found.parts[self._measure]}
            one_metric = replace(found, parts=only, ranked=None, said=None)
            for one, sums in self._tried:
                sums.add(one_metric, buckets, one.of(of)[there])

    def intervals(self) -> dict[str, Interval]:
        """{metric: (from, to)}; that of an area from bins is as wide as that of the scores kept."""
        found = self.every.intervals()
        metrics = self.totals.metrics()
        if "auc_binned" in metrics and "auc" in found:
            low, high = found.pop("auc")
            off = metrics["auc_binned"] - self.every.metrics()["auc"]
            found["auc_binned"] = low + off, high + off
        return found

    def shown(self) -> list[Shown]:
        """(name, metrics, intervals) of each slice that has rows, where they are not all rows."""
        rows = int(self.every.rows.sum())
        return [
            (name, sums.metrics(at), sums.intervals(at))
            for one, sums in self.slices
            for at, name in enumerate(one.names())
            if name and 0 < sums.rows[at].sum() < rows
        ]

    def worst(self) -> list[Worst]:
        if self._measure is None:
            return []
        return worst(self.head.kind, self._measure, self.every, self._tried)

    def content(self) -> dict[str, Any]:
        """What is written beside the metrics."""
        said: dict[str, Any] = {}
        if found := self.intervals():
            said["intervals"] = {name: [*between] for name, between in found.items()}
        if self.slices:
            said["slices"] = [
                {"slice": name, **metrics, "intervals": {m: [*i] for m, i in between.items()}}
                for name, metrics, between in self.shown()
            ]
        if self._tried:
            said["worst_slices"] = [one.content() for one in self.worst()]
        return said
