"""How good the file that ships is, on rows that hold the targets: streaming, head by head.

The network runs once more, with its logits as further outputs: ranks need all of them. A label
outside the vocabulary counts as wrong, and its log loss is that of the class of all other labels.
A target that is missing or does not fit leaves the row out of that head only. Every metric has an
interval, by the bootstrap over groups of rows, of all rows and of slices of them.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds import tensors
from kinds.charts import percent
from kinds.heads.any.intervals import LEVEL
from kinds.heads.any.metrics import Rows
from kinds.heads.labels.numbering import FILTERED
from kinds.heads.metrics import KINDS
from kinds.heads.score import FileHead
from kinds.heads.slices import IDS
from kinds.memory.mixture import Mixture
from kinds.tensors import Element, mixed
from pipeline.failures import Exit, Failure
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from serving.evaluation.groups import Groups, groups_of
from serving.evaluation.head_sums import HeadSums
from serving.evaluation.slices import ByFrequency, ByKnown, SlicedRows, Slices, asked_slices
from serving.evaluation.targets import Target, read_targets, read_weights
from serving.evaluation.worst import candidates
from serving.files.sources import column_names
from serving.model_file.answers import Answers
from serving.model_file.unknown import Usual
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
        groups: Groups | None = None,
        slices: Sequence[Slices] = (),
        find: bool = False,
        coverage: float | None = None,
    ) -> None:
        self._heads, self._weight, self._groups = heads, weight, groups or Groups([])
        # The metadata says which inputs look values up, and their ids are outputs then.
        metadata = Scorer(model, workers=1).metadata
        self._usual: dict[str, Usual] = metadata.usual() if find else {}
        further = _inner_outputs(heads)
        further |= {tensors.ids(name): "int64" for name in self._usual}
        answers = Answers.asked(metadata, coverage)
        self._slice_ids = answers.reads(heads)
        further |= dict.fromkeys(self._slice_ids.values(), "int64")
        self._scorer = Scorer(model, workers=workers, further=further)
        self._labels: dict[str, pa.Array] = {}
        self._among: dict[str, Array] = {}
        tried = candidates(metadata) if find else []
        known = [ByKnown(name) for name in self._usual]
        self._sliced = [column for one in slices for column in one.columns]
        self.sums = {
            head.name: HeadSums(
                head, [*slices, *(_by_label(head) if find else ()), *known], tried, answers
            )
            for head in heads
        }
        self._unreadable = dict.fromkeys(self.sums, 0)
        self._unknown = dict.fromkeys(self.sums, 0)

    @property
    def columns(self) -> list[str]:
        """The columns of the targets, the weights, the groups and the slices."""
        weight = [self._weight] if self._weight is not None else []
        left_out = [head.filtered for head in self._heads if head.filtered]
        own = [*(head.column for head in self._heads), *left_out, *weight]
        return list(dict.fromkeys([*own, *self._groups.columns, *self._sliced]))

    def add(self, typed: pa.RecordBatch, raw: pa.RecordBatch) -> None:
        """Rows as the model reads them, and the same rows as they came."""
        if not typed.num_rows:
            return
        self._labels = self._labels or self.labels(typed.slice(0, 1))
        targets = [read_targets(h, raw, self._labels.get(h.name, [])) for h in self._heads]
        outputs = [tensor for head in self._heads for tensor in self._read_of(head)]
        outputs += [tensors.ids(name) for name in self._usual]
        usual = list(self._usual.values())
        sliced = set(self._slice_ids)
        reduce = partial(_rows_of_heads, self._heads, targets, usual, self._among, sliced)
        parts = self._scorer.map_batches(typed, outputs, reduce)
        weights, buckets = read_weights(raw, self._weight), self._groups.of(raw)
        of_all = [_joined([part[at] for part in parts]) for at in range(len(parts[0]))]
        unknown = dict(zip(self._usual, of_all[-1].values(), strict=True))
        for head, target, rows in zip(self._heads, targets, of_all[:-1], strict=True):
            self._add(head, rows, weights, buckets, SlicedRows(typed, raw, target, unknown))

    def metrics(self) -> Metrics:
        """{head: {metric: value}}; `unreadable` counts targets that did not fit, if any, `unknown`
        rows with one that the vocabulary does not hold."""
        found = {name: sums.totals.metrics() for name, sums in self.sums.items()}
        for what, counts in (("unreadable", self._unreadable), ("unknown", self._unknown)):
            for name, count in counts.items():
                found[name] |= {what: count} if count else {}
        return found

    def unknown_lines(self) -> list[str]:
        """What the targets count as that the vocabulary of a head does not hold."""
        return [
            f"{head.name}: {count:,} row{'s have' if count > 1 else ' has'} a target that the "
            f"vocabulary does not hold; it "
            f"counts {KINDS[head.kind].unknown_targets()}"
            for head in self._heads
            if (count := self._unknown[head.name])
        ]

    def content(self) -> dict[str, dict[str, Any]]:
        """The metrics, with "intervals" of each and what was asked of slices."""
        of_slices = {name: sums.content() for name, sums in self.sums.items()}
        return {name: {**own, **of_slices[name]} for name, own in self.metrics().items()}

    def grouped_as(self, other: "Evaluation") -> None:
        """Takes the other's groups, so that both are drawn alike."""
        self._groups = other._groups.anew()

    def narrow(self, labels: Mapping[str, pa.Array], own: Mapping[str, pa.Array]) -> None:
        """Measures the heads over some of their `own` labels: a target that is none of those counts
        as one that the vocabulary does not hold. To be asked before any row is added."""
        self._labels = dict(labels)
        self._among = {
            name: pc.index_in(kept, value_set=own[name]).to_numpy(zero_copy_only=False)
            for name, kept in labels.items()
            if not kept.equals(own[name])
        }

    def over(self) -> str:
        """What the intervals are over."""
        return f"intervals: {percent(LEVEL, 0)}, by the bootstrap over {self._groups.said()}"

    def _read_of(self, head: FileHead) -> list[str]:
        ids = self._slice_ids.get(head.name)
        return [*_measured(head), *([ids] if ids else [])]

    def _add(
        self, head: FileHead, rows: Rows, weights: Array, buckets: Array, sliced: SlicedRows
    ) -> None:
        target = sliced.target
        there = target.there & (weights > 0)
        self._unreadable[head.name] += target.unreadable
        if head.entries is not None:
            entries = len(self._labels[head.name])
            owners = np.unique(target.owners[target.values == entries])
            self._unknown[head.name] += int(there[owners].sum())
        kept = {name: values[there] for name, values in rows.items()}
        self.sums[head.name].add(kept, weights[there], buckets[there], there, sliced)

    def labels(self, one_row: pa.RecordBatch) -> dict[str, pa.Array]:
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
    groups: Sequence[str] | None = None,
    slices: Sequence[str] = (),
    find: bool = False,
    coverage: float | None = None,
) -> Evaluation:
    """For the heads whose targets all files hold; without any, Failure 2.

    Rows count alike where a file does not hold the model's column of weights. `groups` are columns
    (serving.evaluation.groups), `slices` as serving.evaluation.slices reads them; `find` looks for
    slices, too. `coverage` is that of answers whose real one is measured.
    """
    # A file without any rows may have no columns either.
    held = [set(names) for file in files if (names := column_names(file, csv))]
    known = [
        head if all(head.filtered in names for names in held) else head.unfiltered()
        for head in heads
        if all(head.column in names for names in held)
    ]
    if not known:
        rule = "to evaluate, the rows must hold the targets of a head"
        raise Failure(Exit.USAGE, rule, received=sorted(set[str]().union(*held))[:50])
    if not all(weight in names for names in held):
        weight = None
    if lost := [c for c in groups or () if not all(c in names for names in held)]:
        raise Failure(Exit.USAGE, "the rows must have the columns of --groups", received=lost)
    metadata = Scorer(model, workers=1).metadata
    return Evaluation(
        model,
        known,
        weight=weight,
        workers=workers,
        groups=groups_of(metadata, held, groups),
        slices=asked_slices(slices, held, metadata.fields),
        find=find,
        coverage=coverage,
    )


def _by_label(head: FileHead) -> list[Slices]:
    return [] if head.entries is None else [ByFrequency(head.entries)]


def _joined(parts: Sequence[Rows]) -> Rows:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _rows_of_heads(
    heads: Sequence[FileHead],
    targets: Sequence[Target],
    usual: Sequence[Usual],
    among: Mapping[str, Array],
    sliced: Collection[str],
    start: int,
    outputs: Sequence[Array],
) -> list[Rows]:
    """What the metrics of each head need of the rows from `start`: a few numbers a row; and last
    which rows have values that an input does not know."""
    found: list[Rows] = []
    given = iter(outputs)
    for head, target in zip(heads, targets, strict=True):
        kind, output = KINDS[head.kind], next(given)
        if head.is_mixed:
            share, labels, masses = (next(given) for _ in Mixture._fields)
            output = kind.mixed(output, Mixture(share[:, 0], labels, masses))
        if head.name in among:
            output = kind.narrowed(output, among[head.name])
        given_rows = target.part(start, len(output))
        rows = kind.rows(output, *given_rows)
        if target.left_out:
            left = target.what_is_left(output, start)
            rows = {
                **rows,
                **{f"{FILTERED}{n}": v for n, v in kind.rows(left, *given_rows).items()},
            }
        ids_of_rows = {IDS: next(given)} if head.name in sliced else {}
        found.append({**rows, **ids_of_rows})
    ids = [np.reshape(of, (len(of), -1)) for of in given]
    unknown = zip(ids, usual, strict=True)
    found.append({str(k): (of == one.size).any(axis=1) for k, (of, one) in enumerate(unknown)})
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
