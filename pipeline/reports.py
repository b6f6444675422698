"""What the workers tell about the rows they handled: counts, files they wrote, samples.

A report is a value that adds up. A bundle of rows that a runner repeats reports again, and only
the report of the attempt that counted arrives, so files of other attempts are never named.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline import stores
from pipeline.sides import Hashes

SAMPLES = 4000
Key = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Piece:
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
    """Counts by key, for example ("file", path, "read"); pieces; samples by side."""

    counts: Counter[Key] = field(default_factory=Counter)
    pieces: tuple[Piece, ...] = ()
    samples: dict[str, Sample] = field(default_factory=dict)


def merged(reports: Iterable[Report]) -> Report:
    """One report of many."""
    return reduce(_both, reports, Report())


def _both(one: Report, other: Report) -> Report:
    samples = dict(one.samples)
    for side, sample in other.samples.items():
        samples[side] = smallest(samples[side], sample) if side in samples else sample
    counts = Counter(one.counts)
    counts.update(other.counts)
    return Report(counts, one.pieces + other.pieces, samples)


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


def join(pieces: Iterable[Piece], target: Path) -> None:
    """One file of several pieces, in their order. A piece on this machine is used up."""
    with target.open("wb") as whole:
        for piece in pieces:
            stores.append(piece.path, whole)
            if not stores.is_object(piece.path):
                Path(piece.path).unlink()
