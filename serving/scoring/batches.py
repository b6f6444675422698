"""Batches of raw rows to batches of scored rows, each with its rejects."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TypeVar

import pyarrow as pa

from kinds.columns import Rejected, carried, cast
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import Csv
from serving.evaluation import Evaluation
from serving.files.by_side import COLUMN, BySide
from serving.files.other_types import OtherTypes
from serving.files.sources import read
from serving.further import Further, with_columns, with_schemas
from serving.model_file.candidates import Candidates
from serving.model_file.unknown import UnknownValues
from serving.scorer import Scorer

READ_ROWS = 8192

T = TypeVar("T")


@dataclass(frozen=True)
class ScoredBatch:
    """One batch: its rows as the model reads them, what to carry along, a function that waits for
    the results, what the model did not know by then, its rejects, and how many rows were left
    out."""

    file: str
    typed: pa.RecordBatch
    carried: pa.RecordBatch
    results: Callable[[], pa.RecordBatch]
    seen: UnknownValues
    rejected: list[Rejected]
    left_out: int


@dataclass(frozen=True)
class Batches:
    """What is asked of the model, which rows are scored, and which columns come along."""

    scorer: Scorer
    top_k: int | None
    heads: Sequence[str] | None
    kept: list[str]
    by_side: BySide
    csv: Csv
    other_types: OtherTypes
    evaluation: Evaluation | None = None
    candidates: Candidates | None = None
    further: Sequence[Further] = ()

    @property
    def columns(self) -> list[str]:
        """All that is read."""
        evaluated = self.evaluation.columns if self.evaluation else []
        return [*self.needed, *self.kept, *evaluated, *self.by_side.columns]

    @property
    def needed(self) -> list[str]:
        """What rows must have to be scored."""
        return [*self.scorer.columns, *(self.candidates.columns if self.candidates else [])]

    @property
    def beside(self) -> list[str]:
        """What stands before the results."""
        return [*self.kept, *self.by_side.names()]

    def schema(self) -> pa.Schema:
        """The columns of the results, and of what comes with them."""
        return with_schemas(self.scorer.schema(self.heads), self.further)

    def of(self, files: Sequence[str], skip: int = 0) -> Iterator[ScoredBatch]:
        """The batches of all files, without the first `skip` ones."""
        raw_of_all = (
            (file, raw) for file in files for raw in read(file, self.columns, READ_ROWS, self.csv)
        )
        for file, raw in islice(raw_of_all, skip, None):
            yield self._scored(file, raw)

    def _scored(self, file: str, raw: RawBatch) -> ScoredBatch:
        self.other_types.see(file, raw.rows)
        chosen, sides, unfit = self.by_side.of(file, raw)
        rows = raw.rows if len(chosen) == raw.rows.num_rows else raw.rows.take(pa.array(chosen))
        of_limits = self.candidates.fields if self.candidates else []
        typed, good, more = cast(rows, [*self.scorer.metadata.fields, *of_limits])
        seen = UnknownValues()
        results = self.scorer.score_later(typed, self.top_k, self.heads, seen, self.candidates)
        if self.further:
            results = partial(_with_columns, results, typed, self.further)
        fit = rows.take(pa.array(good))
        if self.evaluation is not None:
            self.evaluation.add(typed, fit)
        beside = fit.select(self.kept)
        if sides is not None:
            beside = beside.append_column(COLUMN, sides.take(pa.array(good)))
        left_out = raw.rows.num_rows - len(chosen) - len(unfit)
        unfit += [replace(one, row=int(chosen[one.row])) for one in more]
        rejected = _rejected(raw, unfit)
        return ScoredBatch(file, typed, carried(beside), results, seen, rejected, left_out)


def _with_columns(
    results: Callable[[], pa.RecordBatch], typed: pa.RecordBatch, further: Sequence[Further]
) -> pa.RecordBatch:
    return with_columns(results(), typed, further)


def _rejected(raw: RawBatch, unfit: Sequence[Rejected]) -> list[Rejected]:
    """What the format could not give and what does not fit, by the number in the file."""
    numbers = raw.numbers()
    by_row = [Rejected(int(numbers[r.row]), r.column, r.reason, r.text) for r in unfit]
    return sorted([*raw.broken, *by_row], key=lambda r: r.row)


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The same items, each given when `count` more have been made."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting
