"""Answers beyond the best labels and plain numbers: sets and intervals with a stated coverage, and
labels left out whose score is too low to be an answer.

A set may be larger than any `top_k`. The rows whose sets do not end within the labels that were
ranked are ranked again with more of them, until they do or there are no more: it is exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from kinds import tensors
from kinds.heads.any.metrics import Rows
from kinds.heads.coverage import KINDS, Calibration, Limit, checked_limit
from kinds.heads.score import FileHead
from kinds.heads.slices import IDS, Slices
from pipeline.failures import Exit, Failure
from serving.model_file.metadata import Metadata
from serving.model_file.network import Array, Arrays, Network

# Labels ranked at first where sets are asked for, and how many times more where they do not end.
RANKED, TIMES = 32, 8
# Labels of a set that are told in one line.
SHOWN = 20


class Ragged(NamedTuple):
    """Lists of ids or numbers: all in one array, and how many each row has."""

    flat: Array
    counts: Array


@dataclass(frozen=True)
class Answers:
    """What is asked: a `coverage` of sets and intervals, a `least` score of a label, yes or no by
    `thresholds`. `slices` are of the heads whose coverage holds slice by slice."""

    coverage: float | None = None
    least: float | None = None
    known: Mapping[str, Calibration] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    slices: Mapping[str, Slices] = field(default_factory=dict)

    @classmethod
    def asked(
        cls,
        metadata: Metadata,
        coverage: float | None = None,
        least: float | None = None,
        *,
        decide: bool = False,
    ) -> "Answers":
        """Raises Failure: 2 for what the model cannot give, 5 where its calibration is damaged."""
        for name, value in (("a coverage", coverage), ("a least score", least)):
            if value is not None and not 0 < value < 1:
                raise Failure(Exit.USAGE, f"{name} must be between 0 and 1", received=value)
        known = _calibrations(metadata) if coverage is not None else {}
        if coverage is not None and not known:
            rule = "a coverage needs a model with a calibration: export a run that has eval rows"
            raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")
        thresholds = thresholds_of(metadata) if decide else {}
        if decide and not thresholds:
            rule = (
                "answers need a model with a threshold: a binary head, and a run that has eval rows"
            )
            raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")
        return cls(coverage, least, known, thresholds, _slices(metadata, known))

    def columns(self, head: FileHead) -> dict[str, pa.DataType]:
        """Those that come after the results of a head. Raises Failure 2 for a coverage that its
        calibration cannot give."""
        if head.name in self.slices:
            self.slices[head.name].check(head, self.coverage or 0.0)
        elif calibration := self._of(head):
            checked_limit(head, calibration, self.coverage or 0.0)
        return self.beside(head)

    def reads(self, heads: Sequence[FileHead]) -> dict[str, str]:
        """{head: the tensor with the ids by which its rows are told apart}, of those with one."""
        names = [head.name for head in heads if head.name in self.slices]
        return {name: tensors.ids(self.slices[name].input) for name in names}

    def notes(self, heads: Sequence[FileHead]) -> list[str]:
        """What the coverage of heads holds for, where it does so slice by slice."""
        own = {head.name: self.slices[head.name] for head in heads if head.name in self.slices}
        return [f"{name}: {slices.said()}" for name, slices in own.items()]

    def beside(self, head: FileHead) -> dict[str, pa.DataType]:
        """The same, whatever the coverage."""
        kind = KINDS[head.kind]
        found = kind.columns(head) if self._of(head) else {}
        return found | (kind.decision(head) if head.name in self.thresholds else {})

    def run(
        self, network: Network, heads: Sequence[FileHead], inputs: Arrays, top_k: int | None
    ) -> dict[str, Any]:
        """The outputs of the network with those columns; lists of different lengths are Ragged."""
        labelled = [head for head in heads if head.entries is not None and self._of(head)]
        if not labelled:
            found = network.run(inputs, top_k)
        else:
            found = network.run(inputs, max(top_k or network.top_k, RANKED))
        made: dict[str, Any] = dict(found)
        for head in heads:
            if calibration := self._of(head):
                kind, limit = KINDS[head.kind], self._limit(head, calibration, found)
                for name, own in kind.answers(head, found, limit, calibration.shape).items():
                    is_set = head.entries is not None
                    made[name] = self._sets(network, head, inputs, found, own) if is_set else own
        for head in heads:
            if head.name in self.thresholds:
                threshold = self.thresholds[head.name]
                made |= KINDS[head.kind].decided(head, found, threshold)
            if head.entries is not None:
                made |= self._best(head, found, top_k or network.top_k)
        return made

    def lines(self, head: FileHead, row: Mapping[str, Any]) -> Iterator[str]:
        """What people read of a row's columns that come after the results of a head."""
        for column in self.columns(head):
            value, what = row[column], column.removeprefix(f"{head.name}.")
            if isinstance(value, bool):
                yield f"   {'yes' if value else 'no'}"
            elif isinstance(value, list):
                shown = ", ".join(value[:SHOWN]) + ", ..." * (len(value) > SHOWN)
                yield f"   {what} of {len(value):,}: {shown}"
            else:
                yield f"   {what} {value:,.4g}"

    def held(self, head: FileHead, rows: Rows) -> Array | None:
        """[rows] whether the answers hold the target; None where there are none. `rows` are those
        of the metrics."""
        if (calibration := self._of(head)) is None:
            return None
        found = KINDS[head.kind].strangeness(rows, calibration.shape)
        if found is None:
            return None
        if head.name in self.slices:
            return found <= self.slices[head.name].limits(self.coverage or 0.0, rows[IDS])
        return found <= calibration.limit(self.coverage or 0.0)

    def _limit(self, head: FileHead, calibration: Calibration, found: Arrays) -> Limit:
        if (slices := self.slices.get(head.name)) is None:
            return calibration.limit(self.coverage or 0.0)
        return slices.limits(self.coverage or 0.0, found[tensors.ids(slices.input)])

    def _of(self, head: FileHead) -> Calibration | None:
        return self.known.get(head.name)

    def _best(self, head: FileHead, found: Arrays, top_k: int) -> dict[str, Any]:
        """The labels that are asked for, without those of too low a score."""
        cut = {name: found[name][:, :top_k] for name in head.outputs if name in found}
        if self.least is None:
            return dict(cut)
        _, scores = head.outputs
        kept = cut[scores] >= self.least
        counts = kept.sum(axis=1)
        return {name: Ragged(values[kept], counts) for name, values in cut.items()}

    def _sets(
        self, network: Network, head: FileHead, inputs: Arrays, found: Arrays, sizes: Array
    ) -> Ragged:
        """The labels of each set of a head; `sizes` [rows] of those that `found` has."""
        labels, calibration = head.outputs[0], self._of(head)
        width, most = found[labels].shape[1], head.entries or 0
        rows, ids = np.arange(len(sizes)), found[labels]
        parts = []
        while calibration is not None:
            ends = sizes < width if width < most else np.ones(len(sizes), bool)
            parts.append(_flat(rows[ends], ids[ends], sizes[ends]))
            if (rows := rows[~ends]).size == 0:
                break
            width *= TIMES
            more = network.run({name: values[rows] for name, values in inputs.items()}, width)
            limit, kind = self._limit(head, calibration, more), KINDS[head.kind]
            (sizes,) = kind.answers(head, more, limit, calibration.shape).values()
            ids, width = more[labels], more[labels].shape[1]
        owners, flat = (np.concatenate(one) for one in zip(*parts, strict=True))
        order = np.argsort(owners, kind="stable")
        return Ragged(flat[order], np.bincount(owners, minlength=len(found[labels])))


def _flat(rows: Array, ids: Array, sizes: Array) -> tuple[Array, Array]:
    """The first `sizes` of the ids [rows, k], with the row of each."""
    kept = np.arange(ids.shape[1]) < sizes[:, None]
    return np.repeat(rows, sizes), ids[kept]


NOTHING_MORE = Answers()


def _calibrations(metadata: Metadata) -> dict[str, Calibration]:
    said = metadata.facts.get("metrics", {}).get("calibration", {})
    kinds = {head.name: head.kind for head in metadata.heads}
    try:
        return {n: Calibration.from_json(of) for n, of in said.items() if n in kinds}
    except (KeyError, TypeError, ValueError, AttributeError):
        rule = "the calibration in the model must be what serving.export wrote"
        raise Failure(Exit.INTEGRITY, rule, received=str(said)[:80]) from None


def _slices(metadata: Metadata, known: Mapping[str, Calibration]) -> dict[str, Slices]:
    said = metadata.facts.get("metrics", {}).get("calibration", {})
    usual = metadata.usual()
    try:
        found = {
            name: Slices.from_json(said[name]["slices"], whole)
            for name, whole in known.items()
            if "slices" in said[name]
        }
        if lost := {one.input for one in found.values()} - set(usual):
            raise ValueError(lost)
    except (KeyError, TypeError, ValueError, AttributeError):
        rule = "the calibration in the model must be what serving.export wrote"
        raise Failure(Exit.INTEGRITY, rule, received=str(said)[:80]) from None
    return found


def thresholds_of(metadata: Metadata) -> dict[str, float]:
    """{head: the least score of yes}, of the heads whose aim could be reached."""
    said = metadata.facts.get("metrics", {}).get("thresholds", {})
    try:
        found = {name: of["threshold"] for name, of in said.items()}
        return {name: float(one) for name, one in found.items() if one is not None}
    except (KeyError, TypeError, ValueError, AttributeError):
        rule = "the thresholds in the model must be what serving.export wrote"
        raise Failure(Exit.INTEGRITY, rule, received=str(said)[:80]) from None
