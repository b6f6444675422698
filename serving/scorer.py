"""Scores rows with an exported model: the one file, onnxruntime, numpy and pyarrow, nothing else.

    scorer = Scorer("OUT/model/model.onnx")
    scorer.score(pa.table({"word": ["the", "cat"], "age": [3, None]}), top_k=5)

Before onnxruntime sees the file, its SHA-256 must be the one in `model.onnx.sha256` beside it, and
`serving.model_file.allowed` must know all that it holds. The bytes that were checked are the bytes
that load.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime
import pyarrow as pa

from kinds import tensors
from kinds.columns import cast
from kinds.heads.score import KINDS, FileHead
from kinds.lists import lists_of
from kinds.tensors import Element
from pipeline.failures import Exit, Failure
from pipeline.folders.model import sha256_beside
from pipeline.near import near_columns
from serving.explanation.explainer import SAMPLES, Explainer, How
from serving.further import Further, with_columns, with_schemas
from serving.given_rows import as_arrow
from serving.model_file.allowed import refuse_unknown
from serving.model_file.answers import NOTHING_MORE, Answers, Ragged
from serving.model_file.candidates import Candidates, Limit, Lists, Wishes, limits_of
from serving.model_file.feeds import feeds, spans
from serving.model_file.file_graph import FileGraph, strings
from serving.model_file.metadata import KEY, Metadata, from_json
from serving.model_file.network import Arrays, Network, session
from serving.model_file.outputs import only_outputs
from serving.model_file.unknown import UnknownValues

Result = TypeVar("Result")
# The first row of a batch, and the one after its last.
Span = tuple[int, int]

# Rows in one call of onnxruntime: a call costs as much as some ten rows, but logits beyond this
# leave the cache before they have been ranked.
LOGITS_IN_CACHE = 2_000_000
FEWEST_ROWS, MOST_ROWS = 16, 256
MOST_LABELS = 2**31 - 1
# Labels of a set that are told in one line.
SHOWN = 20


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
        self._unchecked = unchecked
        self.sha256 = hashlib.sha256(content).hexdigest()
        with self._file_to_blame():
            self.graph = FileGraph(content)
            said = self.graph.metadata().get(KEY, "")
        self.labels_only, self._further = labels_only, dict(further or {})
        # The cores of this process, not those of the machine: a container may have fewer.
        self._threads = ThreadPoolExecutor(workers or len(os.sched_getaffinity(0)))
        self.metadata: Metadata = from_json(said)
        self._batch_rows = batch_rows([head.entries or 0 for head in self.metadata.heads])
        self._usual, self._memories = self.metadata.usual(), self.metadata.memories()
        if labels_only and (coverage is not None or min_score is not None):
            rule = "labels without scores have neither a coverage nor a least score"
            raise Failure(Exit.USAGE, rule, received="labels_only")
        self._answers = Answers.asked(self.metadata, coverage, min_score, decide=answers)
        self._networks: dict[tuple[tuple[str, ...], tuple[str, ...]], Network] = {}

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
        keys = list(self.metadata.keys)
        candidates = self.candidates(limits)
        columns = [*self.columns, *(candidates.columns if candidates else [])]
        table = as_arrow(rows, [*keys, *columns])
        if missing := [c for c in {*keys, *columns} if c not in table.schema.names]:
            rule = "the rows must have the columns that the model names; missing: "
            rule += f"{sorted(missing)}{near_columns(sorted(missing), table.schema.names)}"
            raise Failure(Exit.USAGE, rule, received=table.schema.names[:50])
        batches = table.to_batches() if isinstance(table, pa.Table) else [table]
        parts = [self._score_raw(batch, top_k, heads, candidates, further) for batch in batches]
        schema = with_schemas(self.schema(heads), further)
        results = pa.Table.from_batches(parts, schema=schema)
        for at, key in enumerate(keys):
            column = table.column(key)
            results = results.add_column(at, key, _chunked(column))
        return results

    def candidates(self, limits: Mapping[str, Limit]) -> Candidates | None:
        """Which labels may come back, by the names of heads; None without a limit. Raises Failure 2
        where the file has no such inputs or nothing is left."""
        if not limits:
            return None
        for name in limits:
            if tensors.ceiling(name) not in self.graph.maker:
                rule = "labels are left out by a model that was exported with this version or later"
                raise Failure(Exit.USAGE, f"{rule}: export its run again", received=name)
        labels = {
            head.name: self._labels[head.outputs[0]].slice(0, head.entries)
            for head in self.heads(list(limits))
        }
        heads = self.heads(list(limits))
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
        all; `elements` of lists, too; `answers` {head: label} instead of the first ones. A head
        with memories also has `<head>.memories` list<string>. Raises Failure as `score` does.
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
    ) -> pa.RecordBatch:
        of_limits = candidates.fields if candidates else []
        typed, _, rejected = cast(rows, [*self.metadata.fields, *of_limits])
        if rejected:
            first = rejected[0]
            rule = f"a row does not fit: {first.reason} in column {first.column!r}"
            raise Failure(Exit.BAD_ROWS, rule, received=first.text[:80])
        results = self.score_typed(typed, top_k, heads, candidates)
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
        with self._file_to_blame():
            finish = self._started(typed, top_k, heads, seen, candidates)

        def finished() -> pa.RecordBatch:
            with self._file_to_blame():
                return finish()

        return finished

    @contextmanager
    def _file_to_blame(self) -> Iterator[None]:
        """A file that no hash vouches for may be anything: what goes wrong in the block is a
        Failure (5) then, whichever library met it."""
        try:
            yield
        except Exception as error:
            if isinstance(error, Failure) or not self._unchecked:
                raise
            rule = "the unchecked model does not run as one that serving.export wrote"
            said = f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
            raise Failure(Exit.INTEGRITY, rule, received=said) from error

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
            rule = "a coverage holds for all labels: not where some must not come back"
            raise Failure(Exit.USAGE, rule, received=limited)
        top_k, schema = checked_top_k(top_k), self.schema(heads)
        network = self._network(heads, limited)
        inputs = feeds(typed, self.metadata.fields, self.metadata.lengths)
        lists = candidates.lists(typed, seen) if candidates else Lists([])
        # Not every operation of onnxruntime takes a batch of no rows, but slices have some.
        slices = [_slice(inputs, span) | lists.of(*span) for span in self._spans(typed)]
        run = partial(network.run, top_k=top_k)
        if self._answers != NOTHING_MORE:
            run = partial(self._answers.run, network, self.heads(heads), top_k=top_k)
        parts = self._threads.map(run, slices)

        def finish() -> pa.RecordBatch:
            found = list(parts)
            if seen is not None:
                seen.add(self._usual, found)
                seen.add_memories(self._memories, found)
            return _joined(found, schema, self._labels, self.heads(limited))

        return finish

    def map_batches(
        self,
        typed: pa.RecordBatch,
        outputs: Sequence[str],
        reduce: Callable[[int, list[np.ndarray[Any, Any]]], Result],
    ) -> list[Result]:
        """`reduce(first row, outputs)` of small batches, in their order, made side by side.

        The outputs are among `further`.
        """
        read = [given.name for given in self._further_session.get_inputs()]

        def of(first: int, part: Arrays) -> Result:
            results = self._further_session.run(list(outputs), {name: part[name] for name in read})
            return reduce(first, results)

        return self.in_batches(typed, of)

    def in_batches(
        self, typed: pa.RecordBatch, run: Callable[[int, Arrays], Result]
    ) -> list[Result]:
        """`run(first row, what the file takes)` of small batches, in their order, side by side."""
        inputs = feeds(typed, self.metadata.fields, self.metadata.lengths)
        spans = self._spans(typed)
        return list(self._threads.map(lambda span: run(span[0], _slice(inputs, span)), spans))

    def _spans(self, typed: pa.RecordBatch) -> list[Span]:
        return list(spans(typed, self.metadata.fields, self._batch_rows))

    def uses_int8(self, heads: Sequence[str] | None = None) -> bool:
        """Whether int8 products rank one of these heads: proved, but ties may fall otherwise."""
        return self._network(heads).uses_int8

    def schema(self, heads: Sequence[str] | None = None) -> pa.Schema:
        """The result columns of these heads, without the keys."""
        columns: dict[str, pa.DataType] = {}
        for head in self.heads(heads):
            columns |= KINDS[head.kind].columns(head, self.labels_only)
            columns |= self._answers.columns(head)
        return pa.schema(columns.items())

    def answered(self, head: FileHead, row: Mapping[str, Any]) -> Iterator[str]:
        """Lines about what a row of the results has beside the best labels and plain numbers."""
        for column in self._answers.columns(head):
            value, what = row[column], column.removeprefix(f"{head.name}.")
            if isinstance(value, bool):
                yield f"   {'yes' if value else 'no'}"
            elif isinstance(value, list):
                shown = ", ".join(value[:SHOWN]) + ", ..." * (len(value) > SHOWN)
                yield f"   {what} of {len(value):,}: {shown}"
            else:
                yield f"   {what} {value:,.4g}"

    def _network(self, heads: Sequence[str] | None, limited: Sequence[str] = ()) -> Network:
        """The part of the file that these heads need, made when it is first asked for."""
        chosen = self.heads(heads)
        names = tuple(head.name for head in chosen), tuple(limited)
        if names not in self._networks:
            self._networks[names] = Network(
                self.graph,
                chosen,
                top_k=self.metadata.top_k,
                labels_only=self.labels_only,
                further=[
                    *map(tensors.ids, self._usual),
                    *(one.place for one in self._memories.values()),
                ],
                limited=limited,
            )
        return self._networks[names]

    @cached_property
    def _further_session(self) -> onnxruntime.InferenceSession:
        return session(only_outputs(self.graph, self._further))

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


def checked_top_k(top_k: Any) -> int | None:
    """Raises Failure 2 for what is no number of labels.

    >>> checked_top_k(np.int32(3)), checked_top_k(None)
    (3, None)
    """
    if top_k is None:
        return None
    is_count = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
    if not is_count or not 1 <= top_k <= MOST_LABELS:
        rule = f"top_k must be a whole number from 1 to {MOST_LABELS:,}"
        raise Failure(Exit.USAGE, rule, received=repr(top_k)[:40])
    return int(top_k)


def batch_rows(entries: Sequence[int]) -> int:
    """How many rows to score at once, for heads with so many labels.

    >>> batch_rows([25_000, 27, 0]), batch_rows([0])
    (80, 256)
    """
    return min(max(LOGITS_IN_CACHE // max(1, *entries), FEWEST_ROWS), MOST_ROWS)


def read_model(path: Path, *, unchecked: bool = False) -> bytes:
    """The bytes of a model, after both checks. Raises Failure: 2 without the file, 5 where it is
    not the one that was exported, or holds what is not allowed."""
    # Of one folder, whatever a link such as OUT/current leads to a moment later.
    file = path.parent.resolve() / path.name
    try:
        content = file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise Failure(Exit.USAGE, "the model must be a file that exists", received=path) from None
    if not unchecked:
        _check_sha256(file, content)
    refuse_unknown(content)
    return content


def _check_sha256(path: Path, content: bytes) -> None:
    beside = sha256_beside(path)
    try:
        said = beside.read_text(encoding="ascii").split()
    except (FileNotFoundError, UnicodeDecodeError):
        rule = f"{beside.name} must lie beside the model; without it a damaged file would go unseen"
        raise Failure(Exit.INTEGRITY, rule, received=path) from None
    if not said or said[0] != hashlib.sha256(content).hexdigest():
        raise Failure(Exit.INTEGRITY, f"the model differs from {beside.name}", received=path)


def _slice(inputs: Arrays, span: Span) -> Arrays:
    return {name: values[slice(*span)] for name, values in inputs.items()}


def _joined(
    parts: Sequence[Arrays],
    schema: pa.Schema,
    labels: Mapping[str, pa.Array],
    limited: Sequence[FileHead],
) -> pa.RecordBatch:
    if not parts:
        return pa.RecordBatch.from_pylist([], schema=schema)
    ids_beside = {column: head.outputs[0] for head in limited for column in head.outputs}
    entries = {head.outputs[0]: head.entries for head in limited}

    def column(name: str, kind: pa.DataType) -> pa.Array:
        if isinstance(parts[0][name], Ragged):
            flat, counts = (
                np.concatenate(of) for of in zip(*(p[name] for p in parts), strict=True)
            )
            return _lists(flat, counts, labels.get(name))
        values = np.concatenate([part[name] for part in parts])
        if name not in ids_beside:
            return _column(values, kind, labels.get(name))
        own = ids_beside[name]
        is_left = np.concatenate([part[own] for part in parts]) < entries[own]
        return _lists(values[is_left], is_left.sum(axis=1), labels.get(name))

    columns = [column(*one) for one in zip(schema.names, schema.types, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(values: npt.NDArray[Any], kind: pa.DataType, labels: pa.Array | None) -> pa.Array:
    """Numbers, lists of numbers, or of ids lists of the labels that they stand for."""
    if not pa.types.is_list(kind):
        return pa.array(values, kind)
    rows, width = values.shape
    return _lists(values.ravel(), np.full(rows, width), labels)


def _lists(
    values: npt.NDArray[Any], lengths: npt.NDArray[np.int64], labels: pa.Array | None
) -> pa.Array:
    flat = pa.array(values)
    return lists_of(flat if labels is None else labels.take(flat), lengths)


def _chunked(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
