"""The certificate: the exported file gives what the transform graph and Keras give.

Both sides get the same typed rows. Ids must be identical, other numbers and all scores within
1e-5, the best labels the same except where scores tie. One difference too many is a Failure. What
float32 itself cannot do better is allowed for (kinds.differences, and where a kind sums labels).

Where a case has so many rows, and heads so many labels, that comparing all results would take
minutes, all rows are compared in features and in the vectors that the logits are products of, and
rows spread over the case in the results as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.differences import EXACT_UP_TO, TOLERANCE, Array, value_difference
from kinds.heads.metrics import KINDS as MEASURED
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import feature
from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from serving.exporting.certified_candidates import certify_candidates
from serving.exporting.exported import Exported
from serving.exporting.hard_cases import MOST_ROWS, Rows
from serving.exporting.reference import Reference

LABEL_ROWS = 8
# Results of one case, rows times labels, that are compared one by one.
MOST_RESULTS = 300_000_000


@dataclass
class Certificate:
    """What has been compared, and the largest difference of each feature and head.

    `cases` counts the rows that were compared in all results, `vectors` those that were compared
    in features and vectors, of cases that have too many results."""

    cases: dict[str, int] = field(default_factory=dict)
    vectors: dict[str, int] = field(default_factory=dict)
    candidates: dict[str, int] = field(default_factory=dict)
    features: dict[str, float] = field(default_factory=dict)
    heads: dict[str, float] = field(default_factory=dict)
    ties: dict[str, int] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        return {
            "rows": sum(self.cases.values()),
            "cases": self.cases,
            **({"rows_compared_in_vectors": self.vectors} if self.vectors else {}),
            "candidates": self.candidates,
            "tolerance": TOLERANCE,
            "largest_differences": {"features": self.features, "heads": self.heads},
            "ranks_that_tie": self.ties,
        }


def certify(
    exported: Exported,
    reference: Reference,
    cases: Mapping[str, Rows],
    *,
    labels: Mapping[str, Sequence[str]],
    batch_rows: int = MOST_ROWS,
    vector_rows: int = MOST_ROWS,
) -> Certificate:
    """Compares both sides on every case. Raises Failure (5) at the first real difference.

    `labels` are those of each label head, by id. A few rows are compared in all labels, so that
    no label, however rare, is out of its place. At most `batch_rows` rows at a time are compared in
    results, `vector_rows` in vectors.
    """
    sides = _Sides(exported, reference, labels)
    name, rows = next(iter(cases.items()))
    few = rows.slice(0, min(LABEL_ROWS, batch_rows) if labels else 0)
    count = few.num_rows + sum(rows.num_rows for rows in cases.values())
    progress, done = Progress("export, compare with Keras", total=count, unit="rows"), few.num_rows
    if labels:
        sides.add_every_label(f"every_label/{name}", few)
    for case, rows in cases.items():
        one_in = sides.one_row_in(rows.num_rows)
        for block in _parts(rows, batch_rows if one_in == 1 else vector_rows):
            if one_in > 1:
                sides.add_vectors(case, block)
            for part in _parts(block.slice(0, -(-block.num_rows // one_in)), batch_rows):
                sides.add_results(case, part, exported.file.top_k)
            done += block.num_rows
            progress.at(done)
    progress.end(done)
    return sides.made


def _parts(rows: Rows, most: int) -> Iterator[pa.RecordBatch]:
    yield from (rows.slice(start, most) for start in range(0, rows.num_rows, most))


class _Sides:
    """Both sides of the comparison, and the certificate as far as it is made."""

    def __init__(
        self, exported: Exported, reference: Reference, labels: Mapping[str, Sequence[str]]
    ) -> None:
        self._exported, self._reference, self._labels = exported, reference, labels
        self.made = Certificate()

    def one_row_in(self, rows: int) -> int:
        """One row in how many is compared in the results."""
        results = sum(map(len, self._labels.values())) if self._exported.hidden else 0
        return max(1, -(-rows * results // MOST_RESULTS))

    def add_every_label(self, case: str, rows: pa.RecordBatch) -> None:
        file = self._exported.file
        got = self.add_results(case, rows, max(map(len, self._labels.values())))
        run = partial(self._exported.run, rows, file.top_k)
        self.made.candidates |= certify_candidates(run, file.heads, got, file.top_k)

    def add_results(self, case: str, rows: pa.RecordBatch, top_k: int) -> Mapping[str, Array]:
        """Returns those of the file."""
        self.made.cases[case] = self.made.cases.get(case, 0) + rows.num_rows
        features, got = self._reference.features(rows), self._exported.run(rows, top_k)
        self._add_features(case, got, features)
        outputs = self._reference.outputs(features)
        for head in self._exported.file.heads:
            self._add_head(case, head, got, outputs, features)
        return got

    def add_vectors(self, case: str, rows: pa.RecordBatch) -> None:
        """Of heads with many labels the vectors before them, of the others the results."""
        self.made.vectors[case] = self.made.vectors.get(case, 0) + rows.num_rows
        file, hidden = self._exported.file, self._exported.hidden
        features, got = self._reference.features(rows), self._exported.run_within(rows)
        self._add_features(case, got, features)
        others = [head for head in file.heads if head.name not in hidden]
        made = self._reference.inner(features, [*hidden], [head.name for head in others])
        for head in others:
            self._add_head(case, head, got, made, features)
        allowed = tolerances(features)[:, None]
        for name, tensor in hidden.items():
            difference = value_difference(got[tensor], made[name], allowed)
            _note(self.made.heads, name, difference, f"head {name!r}, case {case!r}")

    def _add_features(
        self, case: str, got: Mapping[str, Array], features: Mapping[str, Array]
    ) -> None:
        for name, expected in features.items():
            difference = feature_difference(got[feature(name)], expected)
            _note(self.made.features, name, difference, f"input {name!r}, case {case!r}")

    def _add_head(
        self,
        case: str,
        head: FileHead,
        got: Mapping[str, Array],
        outputs: Mapping[str, Array],
        features: Mapping[str, Array],
    ) -> None:
        expected, known = outputs[head.name], self._labels.get(head.name, ())
        if mixture := self._reference.mixture(head.name, features):
            expected = MEASURED[head.kind].mixed(expected, mixture)
        found = KINDS[head.kind].difference(head, got, expected, known, tolerances(features))
        if found.ties is not None:
            self.made.ties[head.name] = self.made.ties.get(head.name, 0) + found.ties
        _note(self.made.heads, head.name, found.largest, f"head {head.name!r}, case {case!r}")


def _note(largest: dict[str, float], name: str, difference: float, place: str) -> None:
    if not difference <= TOLERANCE:
        rule = f"the exported file must give what Keras gives: {place}"
        raise Failure(Exit.INTEGRITY, rule, received=f"a difference of {difference:.3g}")
    largest[name] = max(difference, largest.get(name, 0.0))


def tolerances(features: Mapping[str, Array]) -> Array:
    """float64 [rows], at least 1: by how much more than the tolerance a row may differ."""
    largest = np.zeros(len(next(iter(features.values()))))
    for values in features.values():
        if values.dtype.kind == "f":
            sizes = np.abs(values.astype(np.float64)).reshape(len(values), -1)
            largest = np.maximum(largest, sizes.max(axis=1))
    return np.maximum(1.0, largest / EXACT_UP_TO)


def feature_difference(got: Array, expected: Array) -> float:
    """0 for equal ids and inf for others; for numbers relative to the greater of 1 and |number|."""
    if got.shape != expected.shape:
        return np.inf
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(got, expected) else np.inf
    return value_difference(got, expected, np.ones(expected.shape))
