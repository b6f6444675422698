"""Scores rows with an exported model: the one file, onnxruntime, numpy and pyarrow, nothing else.

    scorer = Scorer("OUT/model/model.onnx")
    scorer.score(pa.table({"word": ["the", "cat"], "age": [3, None]}), top_k=5)

Before onnxruntime sees the file, its SHA-256 must be the one in `model.onnx.sha256` beside it, and
all that it holds must be allowed (serving.model_file.integrity).
"""

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from kinds import tensors
from kinds.heads.score import KINDS, FileHead
from kinds.tensors import Element
from pipeline.failures import Exit, Failure
from serving.explanation.explainer import SAMPLES, Explainer, How
from serving.files.other_types import OtherTypes
from serving.further import Further, with_columns, with_schemas
from serving.given_rows import rows_with, typed_rows
from serving.model_file.answers import NOTHING_MORE, Answers
from serving.model_file.candidates import Candidates, Limit, Lists, Wishes, limits_of
from serving.model_file.file_graph import FileGraph, strings
from serving.model_file.inner_tensors import InnerTensors
from serving.model_file.integrity import read_model, unchecked_to_blame
from serving.model_file.metadata import KEY, Metadata, from_json
from serving.model_file.network import Array, Arrays
from serving.model_file.networks import Networks
from serving.model_file.result_columns import joined
from serving.model_file.small_batches import Result, SmallBatches, Span
from serving.model_file.top_k import checked_top_k
from serving.model_file.unknown import UnknownValues


class Scorer:
    """A loaded model. `metadata` says what it reads and gives.

    `workers` (None: one per core) are threads, each with a small batch at a time. `unchecked`
    loads a file without its SHA-256 beside it, for a model that was checked on its way here.
    `labels_only` leaves the scores of labels away; then a head of many labels is ranked by int8
    products where that is faster, with the same labels. A `coverage` between 0 and 1 adds sets of
    labels (`<head>.set`) and intervals (`<head>.low`, `<head>.high`) that hold the truth as often;
    `min_score` leaves out labels with a lower score, so that a list may be empty: no answer;
    `answers` adds yes or no (`<head>.answer`) by the threshold that the model was made with.
    `further` names inner tensors of the graph, for `map_batches`. Raises Failure: 2 where the file
    is missing or cannot give what is asked for, 5 where it is not the file that was exported.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        workers: int | None = None,
        unchecked: bool = False,
        labels_only: bool = False,
        coverage: float | None = None,
        min_score: float | None = None,
        answers: bool = False,
        further: Mapping[str, Element] | None = None,
    ) -> None:
        content = read_model(Path(path), unchecked=unchecked)
        self._to_blame = partial(unchecked_to_blame, unchecked)
        self.sha256 = hashlib.sha256(content).hexdigest()
        with self._to_blame():
            self.graph = FileGraph(content)
            said = self.graph.metadata().get(KEY, "")
        self.metadata: Metadata = from_json(said)
        self.labels_only, self._further = labels_only, dict(further or {})
        if labels_only and (coverage is not None or min_score is not None):
            rule = "a coverage and a least score need scores, so leave out labels_only"
            raise Failure(Exit.USAGE, rule, received="labels_only")
        self._answers = Answers.asked(self.metadata, coverage, min_score, decide=answers)
        beside = self._answers.reads(self.metadata.heads)
        self._networks = Networks(self.graph, self.metadata, labels_only=labels_only, beside=beside)
        self._batches = SmallBatches(self.metadata, workers)

    @property
    def columns(self) -> list[str]:
        """The columns that a row must have to be scored; the keys are not among them."""
        return list(dict.fromkeys(field.column for field in self.metadata.fields))

    def heads(self, names: Sequence[str] | None = None) -> list[FileHead]:
        """The heads of these names in the file's order, or all. Raises Failure 2 for no such."""
        names = [names] if isinstance(names, str) else names
        known = {head.name: head for head in self.metadata.heads}
        if unknown := [name for name in names or () if name not in known]:
            rule = f"a head must be one of {sorted(known)}"
            raise Failure(Exit.USAGE, rule, received=unknown)
        return [head for name, head in known.items() if names is None or name in names]

    def score(
        self,
        rows: Any,
        top_k: int | None = None,
        heads: Sequence[str] | None = None,
        *,
        exclude: Wishes | None = None,
        only: Wishes | None = None,
    ) -> pa.Table:
        """One row of keys and results for each of the `rows`, in their order.

        They are a pyarrow.Table, a frame of pandas or Polars, a dict of columns or a list of dicts.
        Columns: the keys; of a head with labels `<head>.labels` list<string> and `<head>.scores`
        list<float>, best first; of others numbers, as `schema` says.

        `exclude` are labels that must not come back, `only` those that alone may: the name of a
        column of lists, or labels for all rows; {head: either} where several heads have labels.
        Lists are then as long as there are labels left, `top_k` at most, and scores remain those
        among all labels.

        Warns where a column comes in another type than in training, and of inputs of which far
        more values are unknown to the model than were in training.

        Raises Failure: 2 for a missing column or a wrong `top_k`, 4 for a row that does not fit
        (score files with `python -m serving.score` to set those aside).
        """
        return self._scored(rows, top_k, heads, limits_of(self.heads(heads), exclude, only))

    def _scored(
        self,
        rows: Any,
        top_k: int | None,
        heads: Sequence[str] | None,
        limits: Mapping[str, Limit],
        further: Sequence[Further] = (),
    ) -> pa.Table:
        if heads is not None and not len(heads):
            raise Failure(Exit.USAGE, "heads must name a head, or be left out", received=heads)
        keys = list(self.metadata.keys)
        candidates = self.candidates(limits)
        columns = [*self.columns, *(candidates.columns if candidates else [])]
        table = rows_with(rows, [*keys, *columns])
        batches = table.to_batches() if isinstance(table, pa.Table) else [table]
        seen, types = UnknownValues(), OtherTypes(self.metadata.fields)
        parts = []
        for batch in batches:
            types.see("these rows", batch)
            parts.append(self._score_raw(batch, top_k, heads, candidates, further, seen))
        for line in [*types.warnings(), *seen.warnings(self.metadata.usual())]:
            warnings.warn(line.removeprefix("warning: "), stacklevel=3)
        schema = with_schemas(self.schema(heads), further)
        results = pa.Table.from_batches(parts, schema=schema)
        for at, key in enumerate(keys):
            results = results.add_column(at, key, table.column(key))
        return results

    def candidates(self, limits: Mapping[str, Limit]) -> Candidates | None:
        """Which labels may come back, by the names of heads; None without a limit. Raises Failure 2
        where the file has no such inputs or nothing is left."""
        if not limits:
            return None
        for name in limits:
            if tensors.ceiling(name) not in self.graph.maker:
                rule = "limits on labels need a file that was exported with this version or later"
                raise Failure(Exit.USAGE, f"{rule}: export its run again", received=name)
        heads = self.heads(list(limits))
        labels = {head.name: self.labels[head.name].slice(0, head.entries) for head in heads}
        return Candidates(limits, heads, self.metadata.fields, labels)

    def known(
        self, rows: Any, top_k: int | None = None, heads: Sequence[str] | None = None
    ) -> pa.Table:
        """What `score` gives, and beside it how much of each row the model knows: the columns of
        serving.familiarity.familiar. Raises Failure as `score` does, and 2 for a model that does
        not know its training rows."""
        # Where drift is counted, files are scored: at the top of the module that would be a circle.
        from serving.familiarity.familiar import Familiar

        return self._scored(rows, top_k, heads, {}, [Familiar(self, heads)])

    def explain(
        self,
        rows: Any,
        most: int | None = None,
        *,
        heads: Sequence[str] | None = None,
        shapley: bool = False,
        samples: int = SAMPLES,
        elements: bool = False,
        answers: Mapping[str, str] | None = None,
    ) -> pa.Table:
        """What `score` gives, and beside it why: `<head>.reasons` list<string>, the inputs that
        matter most, and `<head>.shares` list<float>, what each changes in the log odds of the
        head's first answer, or in its number (serving.explanation). `most` reasons a row, None for
        all; `elements` of lists and words of texts, too; `answers` {head: label} instead of the
        first ones. A head with memories also has `<head>.memories` list<string>. Raises Failure as
        `score` does.
        """
        how = How(most, shapley, samples, elements, dict(answers or {}))
        explainer = Explainer(self, how, heads)
        return self._scored(rows, None, heads, {}, [explainer])

    def _score_raw(
        self,
        rows: pa.RecordBatch,
        top_k: int | None,
        heads: Sequence[str] | None,
        candidates: Candidates | None,
        further: Sequence[Further],
        seen: UnknownValues,
    ) -> pa.RecordBatch:
        of_limits = candidates.fields if candidates else []
        typed = typed_rows(rows, [*self.metadata.fields, *of_limits])
        results = self.score_later(typed, top_k, heads, seen, candidates)()
        return with_columns(results, typed, further)

    def score_typed(
        self,
        typed: pa.RecordBatch,
        top_k: int | None = None,
        heads: Sequence[str] | None = None,
        candidates: Candidates | None = None,
    ) -> pa.RecordBatch:
        """Results for rows that `kinds.columns.cast` has typed with the model's fields, and those
        of the candidates."""
        return self.score_later(typed, top_k, heads, candidates=candidates)()

    def score_later(
        self,
        typed: pa.RecordBatch,
        top_k: int | None = None,
        heads: Sequence[str] | None = None,
        seen: UnknownValues | None = None,
        candidates: Candidates | None = None,
    ) -> Callable[[], pa.RecordBatch]:
        """Starts on the rows, and returns a function that waits for what `score_typed` gives.

        By then the values that the model does not know are added to `seen`.
        """
        with self._to_blame():
            finish = self._started(typed, top_k, heads, seen, candidates)

        def finished() -> pa.RecordBatch:
            with self._to_blame():
                return finish()

        return finished

    def _started(
        self,
        typed: pa.RecordBatch,
        top_k: int | None,
        heads: Sequence[str] | None,
        seen: UnknownValues | None,
        candidates: Candidates | None,
    ) -> Callable[[], pa.RecordBatch]:
        limited = candidates.heads if candidates else []
        if limited and self._answers.coverage is not None:
            rule = "a coverage is over all labels, so it does not go with limits on labels"
            raise Failure(Exit.USAGE, rule, received=limited)
        top_k, schema = checked_top_k(top_k), self.schema(heads)
        network = self._networks.of(self.heads(heads), limited)
        run = partial(network.run, top_k=top_k)
        if self._answers != NOTHING_MORE:
            run = partial(self._answers.run, network, self.heads(heads), top_k=top_k)
        lists = candidates.lists(typed, seen) if candidates else Lists([])
        parts = self._batches.start(typed, lambda span, part: run(part | lists.of(*span)))

        def finish() -> pa.RecordBatch:
            found = list(parts)
            if seen is not None:
                self._networks.count(found, seen)
            return joined(found, schema, self._labels, self.heads(limited))

        return finish

    def map_batches(
        self,
        typed: pa.RecordBatch,
        outputs: Sequence[str],
        reduce: Callable[[int, list[Array]], Result],
    ) -> list[Result]:
        """`reduce(first row, outputs)` of small batches, in their order, made side by side.

        The outputs are among `further`.
        """
        # Made here: not by several threads at once.
        inner = self._inner
        return self.in_batches(typed, lambda first, part: reduce(first, inner.of(part, outputs)))

    def in_batches(
        self, typed: pa.RecordBatch, run: Callable[[int, Arrays], Result]
    ) -> list[Result]:
        """`run(first row, what the file takes)` of small batches, in their order, side by side."""

        def of(span: Span, part: Arrays) -> Result:
            return run(span[0], part)

        return list(self._batches.start(typed, of))

    def uses_int8(self, heads: Sequence[str] | None = None) -> bool:
        """Whether int8 products rank one of these heads: proved, but ties may fall otherwise."""
        return self._networks.of(self.heads(heads)).uses_int8

    def schema(self, heads: Sequence[str] | None = None) -> pa.Schema:
        """The result columns of these heads, without the keys."""
        columns: dict[str, pa.DataType] = {}
        for head in self.heads(heads):
            columns |= KINDS[head.kind].columns(head, self.labels_only)
            columns |= self._answers.columns(head)
        return pa.schema(columns.items())

    def notes(self, heads: Sequence[str] | None = None) -> list[str]:
        """What is to be known of the coverage of these heads' answers."""
        split = self.metadata.split
        late = split.not_exchangeable() if split and self._answers.coverage is not None else ""
        return [*self._answers.notes(self.heads(heads)), *([late] if late else [])]

    def answered(self, head: FileHead, row: Mapping[str, Any]) -> Iterator[str]:
        """Lines about what a row of the results has beside the best labels and plain numbers."""
        return self._answers.lines(head, row)

    @cached_property
    def _inner(self) -> InnerTensors:
        return InnerTensors(self.graph, self._further)

    @cached_property
    def labels(self) -> dict[str, pa.Array]:
        """The labels by id of each head that has some; "" behind them stands for all others."""
        constants = self.graph.constants
        return {
            head.name: pa.array(strings(constants[tensors.labels(head.name)]))
            for head in self.metadata.heads
            if head.entries is not None
        }

    @cached_property
    def _labels(self) -> dict[str, pa.Array]:
        """The same by the column that holds them."""
        heads = {head.name: head for head in self.metadata.heads}
        return {
            column: labels
            for name, labels in self.labels.items()
            for column in (heads[name].outputs[0], *self._answers.beside(heads[name]))
        }
