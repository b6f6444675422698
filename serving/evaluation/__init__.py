"""How good the file that ships is, on rows that hold the targets: streaming, head by head.

The network runs once more, with its logits as further outputs: ranks need all of them. A label
outside the vocabulary counts as wrong, and its log loss is that of the class of all other labels.
A target that is missing or does not fit leaves the row out of that head only.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds import tensors
from kinds.heads.any.metrics import Rows, Totals
from kinds.heads.metrics import KINDS
from kinds.heads.score import FileHead
from kinds.memory.mixture import Mixture
from kinds.tensors import Element, mixed
from pipeline.failures import Exit, Failure
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from serving.evaluation.targets import Target, read_target, read_weights
from serving.files.sources import column_names
from serving.scorer import Scorer

Array = npt.NDArray[Any]
Metrics = dict[str, dict[str, float]]


class Evaluation:
    """The running totals of some heads: `add` takes rows, `metrics` says how good the file is."""

    def __init__(
        self,
        model: str | Path,
        heads: Sequence[FileHead],
        *,
        weight: str | None = None,
        workers: int | None = None,
    ) -> None:
        self._heads, self._weight = heads, weight
        further = _inner_outputs(heads)
        self._scorer = Scorer(model, workers=workers, further=further)
        self._labels: dict[str, pa.Array] = {}
        self._totals = {head.name: Totals(settings=head.settings) for head in heads}
        self._unreadable = dict.fromkeys(self._totals, 0)
        self._unknown = dict.fromkeys(self._totals, 0)

    @property
    def columns(self) -> list[str]:
        """The columns of the targets and of the weights."""
        weight = [self._weight] if self._weight is not None else []
        return list(dict.fromkeys([*(head.column for head in self._heads), *weight]))

    def add(self, typed: pa.RecordBatch, raw: pa.RecordBatch) -> None:
        """Rows as the model reads them, and the same rows as they came."""
        if not typed.num_rows:
            return
        self._labels = self._labels or self._read_labels(typed.slice(0, 1))
        targets = [read_target(h, raw, self._labels.get(h.name, [])) for h in self._heads]
        outputs = [tensor for head in self._heads for tensor in _measured(head)]
        reduce = partial(_rows_of_heads, self._heads, targets)
        parts = self._scorer.map_batches(typed, outputs, reduce)
        weights = read_weights(raw, self._weight)
        for at, (head, target) in enumerate(zip(self._heads, targets, strict=True)):
            rows = {key: np.concatenate([part[at][key] for part in parts]) for key in parts[0][at]}
            self._add(head, rows, target, weights)

    def metrics(self) -> Metrics:
        """{head: {metric: value}}; `unreadable` counts targets that did not fit, if any, `unknown`
        rows with one that the vocabulary does not hold."""
        found = {name: totals.metrics() for name, totals in self._totals.items()}
        for what, counts in (("unreadable", self._unreadable), ("unknown", self._unknown)):
            for name, count in counts.items():
                found[name] |= {what: count} if count else {}
        return found

    def unknown_lines(self) -> list[str]:
        """What the targets count as that the vocabulary of a head does not hold."""
        return [
            f"{head.name}: {count:,} rows have a target that the vocabulary does not hold; it "
            f"counts {KINDS[head.kind].unknown_targets()}"
            for head in self._heads
            if (count := self._unknown[head.name])
        ]

    def _add(self, head: FileHead, rows: Rows, target: Target, weights: Array) -> None:
        there = target.there & (weights > 0)
        kind, totals = KINDS[head.kind], self._totals[head.name]
        totals.rows += int(there.sum())
        self._unreadable[head.name] += target.unreadable
        if head.entries is not None:
            owners = np.unique(target.owners[target.values == head.entries])
            self._unknown[head.name] += int(there[owners].sum())
        kept = {name: values[there] for name, values in rows.items()}
        kind.add(totals, kept, weights[there])
        if confidence := kind.confidence(kept):
            totals.add_calibration(*confidence, weights[there])

    def _read_labels(self, one_row: pa.RecordBatch) -> dict[str, pa.Array]:
        """The labels of each head by id: the graph holds them as a constant."""
        heads = [head for head in self._heads if head.entries is not None]
        if not heads:
            return {}
        names = [tensors.labels(head.name) for head in heads]
        (found,) = self._scorer.map_batches(one_row, names, lambda _, arrays: arrays)
        return {h.name: pa.array(x[: h.entries]) for h, x in zip(heads, found, strict=True)}


def evaluation_of(
    model: str | Path,
    heads: Sequence[FileHead],
    weight: str | None,
    files: Sequence[str],
    *,
    csv: Csv = AS_FOUND,
    workers: int | None,
) -> Evaluation:
    """For the heads whose targets all files hold; without any, Failure 2.

    Rows count alike where a file does not hold the model's column of weights.
    """
    # A file without any rows may have no columns either.
    held = [set(names) for file in files if (names := column_names(file, csv))]
    known = [head for head in heads if all(head.column in names for names in held)]
    if not known:
        rule = "to evaluate, the rows must hold the targets of a head"
        raise Failure(Exit.USAGE, rule, received=sorted(set[str]().union(*held))[:50])
    if not all(weight in names for names in held):
        weight = None
    return Evaluation(model, known, weight=weight, workers=workers)


def _rows_of_heads(
    heads: Sequence[FileHead], targets: Sequence[Target], start: int, outputs: Sequence[Array]
) -> list[Rows]:
    """What the metrics of each head need of the rows from `start`: a few numbers a row."""
    found, given = [], iter(outputs)
    for head, target in zip(heads, targets, strict=True):
        kind, output = KINDS[head.kind], next(given)
        if head.is_mixed:
            share, labels, masses = (next(given) for _ in Mixture._fields)
            output = kind.mixed(output, Mixture(share[:, 0], labels, masses))
        found.append(kind.rows(output, *target.part(start, len(output))))
    return found


def _inner_outputs(heads: Sequence[FileHead]) -> dict[str, Element]:
    labelled = [head for head in heads if head.entries is not None]
    measured = {tensor: kind for head in heads for tensor, kind in _measured(head).items()}
    return measured | {tensors.labels(head.name): "string" for head in labelled}


def _measured(head: FileHead) -> dict[str, Element]:
    """The tensors that metrics are made of: all logits of a label head, else the only output; and
    what its memories say."""
    own = head.outputs[0] if head.entries is None else tensors.output(head.name)
    found: dict[str, Element] = {own: "float"}
    if head.is_mixed:
        share, (labels, masses), _ = mixed(head.name, head.memories)
        found |= {share: "float", labels: "int64", masses: "float"}
    return found


def table(metrics: Metrics) -> str:
    """A line for each metric of each head.

    >>> print(table({"ends": {"targets": 20, "accuracy": 0.75}}))
    ends  targets                             20
    ends  accuracy                        0.7500
    """
    width = max(map(len, metrics))
    lines = [
        (head, name, value) for head, found in metrics.items() for name, value in found.items()
    ]
    return "\n".join(
        f"{head:<{width}}  {name:<27} {_shown(value):>10}" for head, name, value in lines
    )


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}"
