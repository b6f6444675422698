"""The choice of memories for a spec that leaves it to prepare: `memory: auto`.

From a sample of the training rows, before anything is trained. A part of it is held out; what the
counts of the rest say of its labels, one memory after the other, is the measure
(kinds.memory.held_out). Candidates are all that inputs offer, two of them together, those that help
with a third, and the last few values of a sequence together or with those before them. Of eval rows
only the inputs are looked at, and only where a person has said which rows these are.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.heads.labels.numbering import MISSING
from kinds.inputs.keys import Key
from kinds.lists import list_lengths
from kinds.memory.averages import FOLDS, choice
from kinds.memory.back_off import Chain, Share
from kinds.memory.held_out import held_out
from kinds.memory.keys import NO_KEY, keys_of
from kinds.memory.label_counts import file_bytes
from kinds.memory.prepare import ids_in
from kinds.memory.spec import Memory
from kinds.prepare import flat
from pipeline import sides
from pipeline import spec as specs
from pipeline.fields import Fields, analyses_of
from pipeline.preparing import sample_sides
from pipeline.preparing.coming_again import ComesAgain
from pipeline.preparing.even_sample import even_sample
from pipeline.preparing.features import features
from pipeline.preparing.learning import Learn
from pipeline.preparing.pairs import found_in, sizes_of, with_pairs
from pipeline.preparing.places import by_place
from pipeline.preparing.reading import ReadEvalRows, ReadTrainingRows
from pipeline.rows.csv_dialect import Csv
from pipeline.spec.checks import MOST_KEYS, most_entries

HELD_OUT = 0.1
# Of so many values, the best alone, all pairs are tried.
PAIRED = 12
# So many pairs, those whose averages help most, are tried with a third input.
GROWN = 8
# So many rows at most decide which averages help.
AVERAGED = 200_000
# Averages that a head reads at most.
MOST_AVERAGES = 24
# Averages of a head that have a line.
AVERAGES_SHOWN = 6
# How far back in a sequence.
REACH, PLACES = 3, 3
# A memory that would be larger in the exported file leaves out the values that occur once.
MOST_BYTES = 50 << 20
# A memory keeps as many labels of each value as have this share of its rows, if that is no more
# than the most of these: what is left out is left to the network.
LABELS, KEPT = (64, 128, 256, 512), 0.95
# Where so many rows have a label that no other row has, there will be some that no row has.
LEAST_UNSEEN = 0.001
log = logging.getLogger("pipeline.prepare")
Array = npt.NDArray[Any]


def chosen(spec: specs.Spec, fields: Fields, paths: Sequence[str], csv: Csv) -> specs.Spec:
    """The spec with the memories of each head that can use some."""
    reader = ReadTrainingRows(paths, fields, spec.split, csv)
    sample, drawn = even_sample(reader, paths, csv)
    if sample is None:
        return spec.with_memories({}, {})
    sample = sample_sides.training(spec.split, fields, sample)
    made, sizes, features_of = _features(spec, fields, sample)
    others = _rows_to_come(spec, fields, paths, csv)
    newest = sample_sides.newest(spec.split, fields, sample, HELD_OUT, others)
    is_held_out = _held_out(spec, fields, sample) if newest is None else newest
    to_come = None if others is None else ids_in(features_of(others))
    comes_again = ComesAgain(spec, sizes, ids_in(made), newest, to_come)
    memories: dict[str, Memory] = {}
    of_heads: dict[str, tuple[str, ...]] = {}
    for head, settings in spec.heads.items():
        if settings.link():
            averages = _averages(spec, made, sizes, head, comes_again)
            log.info("%s", "\n".join(_said_of_averages(head, averages)))
            memories |= {name: memory for name, (memory, _) in averages.items()}
            of_heads[head] = tuple(averages)
        elif setting := settings.counts_otherwise():
            log.info("memory: none for %s: %s changes how its labels count", head, setting)
        else:
            of_head = made, is_held_out
            if head in spec.followed():
                placed, row = by_place(made, spec, REACH)
                of_head = placed, is_held_out[row]
            candidates = _Candidates(spec, sizes, head, *of_head, comes_again)
            found = candidates.chain()
            log.info("%s", "\n".join(_said(head, found)))
            memories |= {name: candidates.sized(name, drawn) for name in found.names}
            of_heads[head] = found.names
            if found.names and candidates.unseen() >= LEAST_UNSEEN:
                log.info("  all_rows: for labels that no training row has")
                memories["all_rows"] = Memory(of=())
                of_heads[head] += ("all_rows",)
    return spec.with_memories(memories, of_heads)


def _rows_to_come(
    spec: specs.Spec, fields: Fields, paths: Sequence[str], csv: Csv
) -> pa.RecordBatch | None:
    """Rows of eval, where a column or the files say which they are: they may be unlike the training
    rows, as new rows will be."""
    if not isinstance(spec.split, specs.ColumnSplit | specs.FileSplit):
        return None
    return even_sample(ReadEvalRows(paths, fields, spec.split, csv), paths, csv)[0]


def _averages(
    spec: specs.Spec,
    made: pa.RecordBatch,
    sizes: Mapping[str, int],
    head: str,
    comes_again: Callable[[Memory], bool],
) -> dict[str, tuple[Memory, float]]:
    """The memories whose averages of a head's number help, and by what share the squared error
    falls with each."""
    target, ids = flat(made, head).astype(np.float64), ids_in(made)
    there = np.flatnonzero(~np.isnan(target))
    there = there[:: -(-len(there) // AVERAGED) or 1]
    target, link = target[there], spec.heads[head].link() or ""
    folds = (sides.scrambled(there.astype(np.uint64)) % np.uint64(FOLDS)).astype(np.int64)
    memories: dict[str, Memory] = {}
    columns: dict[str, Array] = {}

    def add(several: Iterable[tuple[str, ...]]) -> None:
        for memory in filter(comes_again, (Memory(of=of) for of in several)):
            key = keys_of(memory, spec.inputs, sizes).looked_up(ids)[there]
            memories[_name(memory)] = memory
            columns[_name(memory)] = choice.out_of_fold(key, folds, target, link)

    def those_that_help() -> dict[str, float]:
        return choice.chosen(columns, target, MOST_AVERAGES) if columns else {}

    offered = list(_offered(spec, sizes))
    add((one,) for one in offered)
    best = sorted(columns, key=lambda name: -abs(_correlation(columns[name], target)))[:PAIRED]
    best_alone = {memories[name].of[0] for name in best}
    paired = [one for one in offered if one in best_alone]
    add(combinations(paired, 2))
    so_far = [memories[name].of for name in those_that_help()]
    add(_with_a_third(spec, [of for of in so_far if len(of) == 2], paired))
    return {name: (memories[name], share) for name, share in those_that_help().items()}


def _with_a_third(
    spec: specs.Spec, pairs: Sequence[tuple[str, ...]], inputs: Sequence[str]
) -> list[tuple[str, ...]]:
    """The first pairs with one more input, as far as keys can tell their combinations apart."""
    keys = _offered(spec, most_entries(spec))
    threes = _grown(pairs[:GROWN], inputs)
    return [of for of in threes if math.prod(keys[one].ids for one in of) <= MOST_KEYS]


def _grown(pairs: Sequence[tuple[str, ...]], inputs: Sequence[str]) -> list[tuple[str, ...]]:
    """The pairs with one more input, each three once.

    >>> _grown([("maker", "month"), ("maker", "shop")], ["maker", "month", "shop", "size"])
    [('maker', 'month', 'shop'), ('maker', 'month', 'size'), ('maker', 'shop', 'size')]
    """
    threes = (
        tuple(one for one in inputs if one in (*pair, more))
        for pair in pairs
        for more in inputs
        if more not in pair
    )
    return list(dict.fromkeys(threes))


def _correlation(one: Array, other: Array) -> float:
    if not (one.std() > 0 and other.std() > 0):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _said_of_averages(head: str, found: Mapping[str, tuple[Memory, float]]) -> Iterator[str]:
    if not found:
        yield f"memory: no average helps {head}"
        return
    yield f"memory: averages of {head}, and by how much the squared error falls with each:"
    shares = {name: share for name, (_, share) in found.items()}
    for name in list(shares)[:AVERAGES_SHOWN]:
        yield f"  {name}: {shares.pop(name):.1%}"
    if shares:
        yield f"  and {len(shares)} more, each of {max(shares.values()):.1%} or less"


def _offered(spec: specs.Spec, sizes: Mapping[str, int]) -> dict[str, Key]:
    """What a memory can count by. Of pairs it makes its own."""
    return {
        f"{name}.{part}" if part else name: key
        for name, settings in spec.inputs.items()
        if name not in spec.pairs()
        for part, key in settings.keys(name, sizes).items()
        if (key.place or 1) <= PLACES
    }


def _said(head: str, found: Chain) -> Iterator[str]:
    """What was chosen for a head, and what each memory is worth."""
    before = f"{found.alone:.3f} with the frequencies of its labels alone"
    if not found.names:
        yield f"memory: none helps {head}, whose log loss on held-out training rows is {before}"
        return
    yield (
        f"memory: {head} has a log loss of {found.loss:.3f} on held-out training rows, {before}; "
        "asked in this order:"
    )
    for name, gain in found.gains():
        yield f"  {name}: {gain:.1%} lower than without it"


def _features(
    spec: specs.Spec, fields: Fields, sample: pa.RecordBatch
) -> tuple[pa.RecordBatch, dict[str, int], Callable[[pa.RecordBatch], pa.RecordBatch]]:
    """The features of a sample, learned from it alone, and the sizes of its vocabularies; and what
    gives those of other rows."""
    learn = Learn(analyses_of(spec, fields), spec.vocabularies)
    found = learn.add_input(learn.create_accumulator(), sample)
    learned = learn.extract_output(learn.compact(found))
    if spec.pairs():
        learned = with_pairs(found_in([sample], learned, spec, fields), learned, spec, {})

    def made_of(rows: pa.RecordBatch) -> pa.RecordBatch:
        return features(rows, spec, fields, learned.known)

    return made_of(sample), sizes_of(learned), made_of


def _held_out(spec: specs.Spec, fields: Fields, sample: pa.RecordBatch) -> Array:
    """bool [rows]: which rows are held out. Rows that a split keeps together stay together."""
    if isinstance(spec.split, specs.HashSplit):
        columns = [sample.column(field.output) for field in fields.split.values()]
        drawn = sides.scrambled(sides.hashes(columns) ^ np.uint64(0x6D656D6F7279))
    else:
        drawn = sides.scrambled(np.arange(1, sample.num_rows + 1, dtype=np.uint64))
    found: Array = drawn < np.uint64(HELD_OUT * 2**64)
    return found


class _Candidates:
    """Memories that a head may use, and what each says of the labels of held-out rows."""

    def __init__(
        self,
        spec: specs.Spec,
        sizes: Mapping[str, int],
        head: str,
        made: pa.RecordBatch,
        is_held_out: Array,
        comes_again: Callable[[Memory], bool],
    ) -> None:
        self._comes_again = comes_again
        self._spec, self._sizes, self._ids = spec, sizes, ids_in(made)
        owner = np.repeat(np.arange(made.num_rows), list_lengths(made.column(head)))
        labels, chosen = flat(made, head), spec.labels()[head]
        there = labels != MISSING
        has_target = np.ones(made.num_rows, bool)
        has_target[owner[~there]] = False
        self._owner, self._labels = owner[there], labels[there]
        self._labels_in_all = sizes[chosen.vocabulary]
        self._rows = held_out(
            self._owner,
            self._labels,
            is_held_out,
            np.flatnonzero(has_target),
            self._labels_in_all,
            several=chosen.several,
        )
        self.memories: dict[str, Memory] = {}
        self._shares: dict[str, Share] = {}

    def chain(self) -> Chain:
        """The memories worth having, in the order in which they are to be asked."""
        offered = _offered(self._spec, self._sizes)
        for one, key in offered.items():
            self._add(Memory(of=(one,)))
            if key.place == 1:
                self._add(Memory(of=(one,), reach=REACH))
        names = {one: _name(Memory(of=(one,))) for one in offered}
        shares = {one: self._shares[name] for one, name in names.items() if name in self._shares}
        alone = {one: self._rows.alone(share) for one, share in shares.items()}
        for run in _runs(offered):
            self._add(Memory(of=run))
        best = sorted(alone, key=lambda one: alone[one])[:PAIRED]
        paired = [one for one in alone if one in best]
        for pair in combinations(paired, 2):
            self._add(Memory(of=pair))
        found = self._rows.chain(self._shares)
        pairs = [of for of in (self.memories[name].of for name in found.names) if len(of) == 2]
        tried = {frozenset(memory.of) for memory in self.memories.values()}
        for three in _with_a_third(self._spec, pairs, paired):
            if frozenset(three) not in tried:
                self._add(Memory(of=three))
        return self._rows.chain(self._shares) if pairs else found

    def unseen(self) -> float:
        """The share of rows to be expected with a label that no training row has."""
        return self._rows.unseen()

    def sized(self, name: str, drawn: float) -> Memory:
        """The memory with as many labels of a value as it needs, and without the values that occur
        once where it would be too large in the exported file. `drawn` is the share of all rows that
        the sample has."""
        memory = self.memories[name]
        value, counts = self._counts(memory)
        labels = _needed(value, counts)
        pairs = np.minimum(np.bincount(value), labels).sum() if len(value) else 0
        bytes_of_all = file_bytes(len(np.unique(value)), int(pairs)) / drawn
        more = {"labels": labels} if labels > memory.labels else {}
        if bytes_of_all > MOST_BYTES:
            more = {"min_count": 2}
        return memory.model_copy(update=more)

    def _counts(self, memory: Memory) -> tuple[Array, Array]:
        """The value (from 0 up) and the rows of each pair of a value and a label."""
        own = keys_of(memory, self._spec.inputs, self._sizes).looked_up(self._ids)[self._owner]
        known = own != NO_KEY
        _, value = np.unique(own[known], return_inverse=True)
        labels = self._labels_in_all + 1
        pairs, counts = np.unique(value * labels + self._labels[known], return_counts=True)
        return pairs // labels, counts

    def _add(self, memory: Memory) -> None:
        if not self._comes_again(memory):
            return
        keys = keys_of(memory, self._spec.inputs, self._sizes)
        looked_up, counted = keys.looked_up(self._ids), list(keys.counted(self._ids))
        self.memories[_name(memory)] = memory
        self._shares[_name(memory)] = self._rows.share(looked_up, counted)


def _needed(value: Array, counts: Array) -> int:
    """How many labels of each value are kept, of pairs with a value and their rows.

    >>> _needed(np.zeros(100, np.int64), np.ones(100, np.int64))
    128
    >>> _needed(np.zeros(100, np.int64), np.array([1900] + 99 * [1]))
    64
    """
    order = np.lexsort((-counts, value))
    begins = np.searchsorted(value[order], value[order])
    place = np.arange(len(order)) - begins
    kept = np.bincount(np.minimum(place, LABELS[-1]), counts[order], LABELS[-1] + 1).cumsum()
    enough = (most for most in LABELS if kept[most - 1] >= KEPT * kept[-1])
    return next(enough, LABELS[-1])


def _runs(offered: Mapping[str, Key]) -> Iterator[tuple[str, ...]]:
    """The last values of each sequence together, from two of them on."""
    by_feature: dict[str, list[str]] = {}
    for one, key in offered.items():
        if key.place is not None:
            by_feature.setdefault(key.feature, []).append(one)
    for named in by_feature.values():
        ordered = sorted(named, key=lambda one: -(offered[one].place or 0))
        for length in range(2, len(ordered) + 1):
            yield tuple(ordered[-length:])


def _name(memory: Memory) -> str:
    """
    >>> _name(Memory(of=("maker", "items.last"))), _name(Memory(of=("items.last",), reach=3))
    ('by_maker_items_last', 'by_items_last_within_3')
    """
    if not memory.of:
        return "all_rows"
    of = "_".join(one.replace(".", "_") for one in memory.of)
    return f"by_{of}" + (f"_within_{memory.reach}" if memory.reach > 1 else "")
