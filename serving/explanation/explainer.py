"""Explanations of a batch of rows: columns beside its results.

    next.reasons  ["maker", "month"]   next.shares  [1.31, -0.2]   next.memories  ["seen 14 ..."]

A share is what an input changes in the log odds of the answer, or in a number as it is; positive
speaks for the answer, negative against it. The greatest come first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kinds.heads.score import KINDS, FileHead
from pipeline.failures import Exit, Failure
from pipeline.near import near
from serving.explanation.evidence import EvidenceNetwork
from serving.explanation.memories import Memory, memories_of
from serving.explanation.parts import Part, elements_of, inputs_of, texts_of, without
from serving.explanation.plans import Plan, one_by_one, shapley
from serving.explanation.words import WordPart

if TYPE_CHECKING:
    from serving.scorer import Scorer

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

SAMPLES = 64


@dataclass(frozen=True)
class How:
    """`most` reasons a row, None for all; `shapley` with so many `samples` instead of taking one
    input out at a time; `elements` of lists and words of texts, too; `answers` by head, instead of
    the first ones."""

    most: int | None = None
    shapley: bool = False
    samples: int = SAMPLES
    elements: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.shapley and self.elements:
            rule = "elements are taken out one by one: leave out `shapley` or `elements`"
            raise Failure(Exit.USAGE, rule)


class Found(NamedTuple):
    """shares: float64 [parts, rows] by head; places: of each row's value by tensor of a memory;
    there: bool [parts, rows], whether a row has that part; words: [words, rows] their names, of the
    last parts."""

    shares: dict[str, Array]
    places: Arrays
    there: Array
    words: Array


class Explainer:
    """Explains the answers of a model's heads, of all or of some."""

    def __init__(self, scorer: "Scorer", how: How, heads: Sequence[str] | None = None) -> None:
        self._scorer, self._how, self._heads = scorer, how, scorer.heads(heads)
        self._asked = {name: self._id(name, label) for name, label in how.answers.items()}
        metadata = scorer.metadata
        self._parts = inputs_of(metadata) + (elements_of(metadata) if how.elements else [])
        self._texts = texts_of(metadata) if how.elements else []
        self._memories: dict[str, list[Memory]] = {
            head.name: memories_of(scorer.graph, head, metadata) for head in self._heads
        }

    @cached_property
    def _plan(self) -> Plan:
        parts = len(self._parts) + sum(text.most for text in self._texts)
        return shapley(parts, self._how.samples) if self._how.shapley else one_by_one(parts)

    @cached_property
    def _network(self) -> EvidenceNetwork:
        places = {one.place: None for own in self._memories.values() for one in own}
        return EvidenceNetwork(self._scorer.graph, self._heads, list(places))

    def schema(self) -> pa.Schema:
        """The columns that it gives."""
        found: list[tuple[str, pa.DataType]] = []
        for head in self._heads:
            found.append((f"{head.name}.reasons", pa.list_(pa.string())))
            found.append((f"{head.name}.shares", pa.list_(pa.float32())))
            if self._memories[head.name]:
                found.append((f"{head.name}.memories", pa.list_(pa.string())))
        return pa.schema(found)

    def depends_on(self) -> list[object]:
        """What decides on its columns, as JSON has it."""
        how = self._how
        return [how.most, how.shapley, how.samples, how.elements, dict(how.answers)]

    def of(self, typed: pa.RecordBatch, results: pa.RecordBatch) -> list[pa.Array]:
        """The columns of rows with these results."""
        answers = {
            h.name: ids for h in self._heads if (ids := self._answers(h, results)) is not None
        }
        found = self.found(typed, answers)
        columns = []
        for head in self._heads:
            own = self._reasons(found.shares[head.name], found)
            if memories := self._memories[head.name]:
                own.append(_sentences(memories, found.places, answers[head.name]))
            columns += [self._of_answers(head, column, results) for column in own]
        return columns

    def _of_answers(self, head: FileHead, column: pa.Array, results: pa.RecordBatch) -> pa.Array:
        """Nothing is said of a row in which no label may come back."""
        if head.entries is None or head.name in self._asked:
            return column
        has_answer = pc.greater(pc.list_value_length(results.column(head.outputs[0])), 0)
        if pc.all(has_answer).as_py():
            return column
        return pc.if_else(has_answer, column, pa.scalar([], column.type))

    def lines(self, head: FileHead | None, row: Mapping[str, Any]) -> list[str]:
        """
        +1.31  maker
               seen 14 times with this maker, 9 of them this answer
        """
        if head is None or head not in self._heads:
            return []
        unit = "log odds" if KINDS[head.kind].in_log_odds() else "the target's own unit"
        answer = f" to {self._how.answers[head.name]}" if head.name in self._how.answers else ""
        names, shares = row[f"{head.name}.reasons"], row[f"{head.name}.shares"]
        reasons = zip(names, shares, strict=True)
        return [
            f"  why{answer}, in {unit}",
            *(f"  {share:>+8.3g}  {name}" for name, share in reasons),
            *(f"            {said}" for said in row.get(f"{head.name}.memories") or ()),
        ]

    def found(self, typed: pa.RecordBatch, answers: Mapping[str, Array]) -> Found:
        """Of all rows, for the answers' ids by head."""

        def run(first: int, rows: Arrays) -> Found:
            count = len(next(iter(rows.values())))
            ids = {name: of[first : first + count] for name, of in answers.items()}
            return self._of_some(rows, ids)

        nothing = np.zeros((len(self._plan.weights), 0))
        places = {m.place: np.zeros(0, np.int64) for own in self._memories.values() for m in own}
        start = Found(
            {head.name: nothing for head in self._heads},
            places,
            nothing.astype(bool),
            nothing[len(self._parts) :].astype(object),
        )
        return _joined([start, *self._scorer.in_batches(typed, run)])

    def _of_some(self, rows: Arrays, answers: Mapping[str, Array]) -> Found:
        """Of rows for one run."""
        _, *others = self._plan.sets
        said, places = self._leaning(rows, answers)
        values = {name: [of] for name, of in said.items()}
        words = [word for text in self._texts for word in text.words_in(rows)]
        parts: list[Part | WordPart] = [*self._parts, *words]
        there = np.stack([part.is_in(rows) for part in parts])
        for kept in others:
            missing = [at for at in np.flatnonzero(~kept) if there[at].any()]
            changed = said
            if missing:
                fewer = without(rows, [parts[at] for at in missing])
                changed, _ = self._leaning(fewer, answers)
            for name, of in changed.items():
                values[name].append(of)
        with np.errstate(invalid="ignore"):  # of a row that is not finite
            shares = {name: self._plan.shares(np.stack(of)) for name, of in values.items()}
        is_input = np.array([part.is_input for part in parts])
        names = [word.names for word in words]
        return Found(
            shares, places, there | is_input[:, None], np.reshape(names, (-1, there.shape[1]))
        )

    def _leaning(
        self, rows: Arrays, answers: Mapping[str, Array]
    ) -> tuple[dict[str, Array], Arrays]:
        evidence, places = self._network.run(rows, answers)
        found = {h.name: KINDS[h.kind].leaning(h, evidence[h.name]) for h in self._heads}
        return found, places

    def _answers(self, head: FileHead, results: pa.RecordBatch) -> Array | None:
        """The ids of the answers that are explained; None for a head without labels."""
        if head.entries is None:
            return None
        if head.name in self._asked:
            return np.full(results.num_rows, self._asked[head.name])
        lists, known = results.column(head.outputs[0]), self._scorer.labels[head.name]
        firsts = pc.list_slice(lists, 0, 1, return_fixed_size_list=True).flatten()
        ids = pc.fill_null(pc.index_in(firsts, known, skip_nulls=True), 0)
        return np.asarray(ids.to_numpy(zero_copy_only=False), np.int64)

    def _id(self, head: str, label: str) -> int:
        (one,) = self._scorer.heads([head])
        if one not in self._heads:
            raise Failure(Exit.USAGE, "--answer must name a head that is scored", received=head)
        if one.entries is None:
            raise Failure(Exit.USAGE, "--answer must name a head with labels", received=head)
        known = self._scorer.labels[head].slice(0, one.entries)
        found = pc.index(known, pa.scalar(label, pa.string())).as_py()
        if found < 0:
            rule = f"an answer must be one of the {one.entries:,} labels of {head}"
            raise Failure(Exit.USAGE, rule + near(label, known.to_pylist()), received=repr(label))
        return int(found)

    def _reasons(self, shares: Array, found: Found) -> list[pa.Array]:
        """Lists of names and of shares, the greatest first."""
        sizes = np.where(found.there, np.nan_to_num(np.abs(shares), nan=-1.0), -2.0)
        order = np.argsort(-sizes, axis=0, kind="stable")
        most = len(order) if self._how.most is None else self._how.most
        kept = order[:most].T  # [rows, most]
        is_kept = np.take_along_axis(found.there, kept.T, axis=0).T
        offsets = pa.array(np.concatenate([[0], np.cumsum(is_kept.sum(axis=1))]), pa.int32())
        values = np.take_along_axis(shares, kept.T, axis=0).T[is_kept].astype(np.float32)
        names = self._names(kept[is_kept], np.nonzero(is_kept)[0], found.words)
        return [
            pa.ListArray.from_arrays(offsets, pa.array(names, pa.string())),
            pa.ListArray.from_arrays(offsets, pa.array(values)),
        ]

    def _names(self, parts: Array, rows: Array, words: Array) -> Array:
        """Of parts in rows. A word is called so in its row, all else in every row."""
        fixed = np.array([part.name for part in self._parts], object)
        is_word = parts >= len(fixed)
        names = fixed[np.where(is_word, 0, parts)]
        names[is_word] = words[parts[is_word] - len(fixed), rows[is_word]]
        return names


def _joined(parts: Sequence[Found]) -> Found:
    heads, places = parts[0].shares, parts[0].places
    return Found(
        {name: np.concatenate([of.shares[name] for of in parts], axis=1) for name in heads},
        {name: np.concatenate([of.places[name] for of in parts]) for name in places},
        np.concatenate([of.there for of in parts], axis=1),
        np.concatenate([of.words for of in parts], axis=1),
    )


def _sentences(memories: Sequence[Memory], places: Arrays, answers: Array) -> pa.Array:
    texts = np.stack([one.sentences(places[one.place], answers) for one in memories], axis=1)
    offsets = np.arange(len(answers) + 1) * len(memories)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(texts.ravel()))
