"""What the workers tell about the rows they handled: counts, files they wrote, samples.

A report is a value that adds up. A bundle of rows that a runner repeats reports again, and only
the report of the attempt that counted arrives, so files of other attempts are never named.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.memory.averages.counting import FoldSums
from kinds.memory.counting import PairCounts
from pipeline.preparing import hard_rows, leaks
from pipeline.preparing.hard_rows import HardRows
from pipeline.preparing.leaks import Sketch
from pipeline.preparing.spilled import Files
from pipeline.preparing.split_sides import Times, remembered
from pipeline.sides import Hashes
from pipeline.storage import stores

SAMPLES = 4000
Key = tuple[str, ...]
Tallies = npt.NDArray[np.int64]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, order=True)
class Fragment:
    """A file of records that one worker wrote. `first` is the origin of its first record."""

    folder: str
    shard: int
    first: int
    path: str
    records: int


@dataclass(frozen=True)
class Sample:
    """Some rows of one side, and a hash for each: the rows with the smallest are kept."""

    hashes: Hashes
    rows: pa.Table


@dataclass(frozen=True)
class Report:
    """Counts by key, for example ("file", path, "read"); fragments; samples by side; hashes of
    examples and keys by side (pipeline.preparing.leaks); the hard rows with their features; some
    values of the column that splits, with their counts; of each head with labels, int64 [entries]:
    how often each is one in train; files of the counts and of the sums of each memory
    (pipeline.preparing.spilled); of each side the times from which to which its rows are, where
    the split is by them."""

    counts: Counter[Key] = field(default_factory=Counter)
    fragments: tuple[Fragment, ...] = ()
    samples: dict[str, Sample] = field(default_factory=dict)
    sketches: dict[tuple[str, str], Sketch] = field(default_factory=dict)
    hard: HardRows | None = None
    split_values: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Tallies] = field(default_factory=dict)
    memories: Files[PairCounts] = field(default_factory=dict)
    averages: Files[FoldSums] = field(default_factory=dict)
    times: dict[str, Times] = field(default_factory=dict)


def merged(reports: Iterable[Report]) -> Report:
    """One report of many."""
    return reduce(_both, reports, Report())


def _both(one: Report, other: Report) -> Report:
    counts = Counter(one.counts)
    counts.update(other.counts)
    samples = joined(one.samples, other.samples, smallest)
    sketches = joined(one.sketches, other.sketches, leaks.both)
    hard = (
        hard_rows.both(one.hard, other.hard) if one.hard and other.hard else one.hard or other.hard
    )
    values = remembered(one.split_values + other.split_values)
    labels = joined(one.labels, other.labels, np.add)
    memories = joined(one.memories, other.memories, add)
    averages = joined(one.averages, other.averages, add)
    times = joined(one.times, other.times, around)
    fragments = one.fragments + other.fragments
    found = (samples, sketches, hard, values, labels, memories, averages, times)
    return Report(counts, fragments, *found)


def around(one: Times, other: Times) -> Times:
    return min(one[0], other[0]), max(one[1], other[1]), one[2]


def joined(one: dict[K, V], other: dict[K, V], join: Callable[[V, V], V]) -> dict[K, V]:
    shared = {key: join(one[key], value) for key, value in other.items() if key in one}
    return one | other | shared


def smallest(one: Sample, other: Sample) -> Sample:
    """The rows with the smallest hashes of both, at most SAMPLES, in the order of their hashes."""
    hashes = np.concatenate([one.hashes, other.hashes])
    order = np.argsort(hashes, kind="stable")[:SAMPLES]
    rows = pa.concat_tables([one.rows, other.rows]).take(pa.array(order))
    return Sample(hashes[order], rows.combine_chunks())


def sampled(hashes: Hashes, rows: pa.RecordBatch, than: Sample | None) -> Sample | None:
    """`than` with the rows that belong among it."""
    limit = than.hashes[-1] if than is not None and len(than.hashes) == SAMPLES else None
    wanted = np.arange(len(hashes)) if limit is None else np.flatnonzero(hashes < limit)
    wanted = wanted[np.argsort(hashes[wanted], kind="stable")][:SAMPLES]
    if not len(wanted):
        return than
    new = Sample(hashes[wanted], pa.Table.from_batches([rows]).take(pa.array(wanted)))
    return new if than is None else smallest(than, new)


def join(fragments: Iterable[Fragment], target: Path) -> None:
    """One file of several fragments, in their order. A fragment on this machine is used up."""
    with target.open("wb") as whole:
        for fragment in fragments:
            stores.append(fragment.path, whole)
            if not stores.is_object(fragment.path):
                Path(fragment.path).unlink()
