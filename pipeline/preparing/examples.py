"""Features of examples to gzip TFRecords of tf.Example, a batch at a time.

A worker writes fragments under names of its own and reports them when its bundle is done;
`gathered` joins the reported fragments to shards. Gzip members one after the other are one gzip
file, so joining copies bytes. Fragments of attempts that did not count are never named and go with
the folder.
"""

import tempfile
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from kinds.columns.large_rows import give_back
from kinds.memory import counting
from kinds.memory.averages import counting as averaging
from kinds.memory.averages.counting import FoldSums
from kinds.memory.counting import PairCounts
from pipeline import spec as specs
from pipeline.console.import_noise import tensorflow
from pipeline.fields import Fields, analyses_of
from pipeline.preparing import averages, example_counts, leaks, memories, reports
from pipeline.preparing.features import features
from pipeline.preparing.hard_rows import HardRows, hard_rows
from pipeline.preparing.leaks import Sketch
from pipeline.preparing.learning import Learned
from pipeline.preparing.reading import REPORTS, as_message
from pipeline.preparing.records import in_order
from pipeline.preparing.reports import Fragment, Key, Report, Tallies
from pipeline.preparing.spilled import Spills
from pipeline.preparing.split_sides import dealt
from pipeline.sides import SIDES
from pipeline.sides.origins import file_of, side_of
from pipeline.storage import stores

Origin = npt.NDArray[np.int64]
# The draw of a row's file leaves their sizes a little uneven: these stay under the 100,000 that
# training shuffles at once.
ROWS_OF_A_SHARD = 90_000
SHARDS, MOST_SHARDS = 4, 256


class MakeFeatures(beam.DoFn):
    """(Typed rows, their origin) to (features, origin), given what was learned.

    The output `reports` carries the hard rows with their features, to be proved.
    """

    def __init__(self, spec: specs.Spec, fields: Fields) -> None:
        self._spec, self._fields = spec, fields
        self._texts = [one for one in analyses_of(spec, fields).values() if one.vocabulary]

    def start_bundle(self) -> None:
        self._hard: HardRows | None = None

    def process(self, element: tuple[pa.RecordBatch, Origin], learned: Learned) -> Iterator[Any]:
        rows, origin = element
        made = features(rows, self._spec, self._fields, learned.known)
        sizes = {name: len(learned.known[name].values) for name in self._spec.vocabulary_of()}
        self._hard = hard_rows(rows, made, origin, sizes, self._hard)
        unknown = example_counts.unknown(made, self._spec, sizes)
        if unknown.any():
            texts = leaks.texts_of(rows, self._texts, unknown)
            made = made.append_column(leaks.TEXTS, texts)
        yield made, origin

    def finish_bundle(self) -> Iterator[Any]:
        report = GlobalWindows.windowed_value(Report(hard=self._hard))
        yield beam.pvalue.TaggedOutput(REPORTS, report)


def shard_counts(asked: int | None, training_rows: int) -> dict[str, int]:
    """How many files each side gets. Training shuffles as many rows at once as a file of it has at
    most: a file that had more would be shuffled piece by piece, in the order of the input.

    >>> shard_counts(None, 1_000_000), shard_counts(2, 1_000_000)["train"]
    ({'train': 12, 'eval': 4, 'test': 4}, 2)
    """
    if asked is not None:
        return dict.fromkeys(SIDES, asked)
    train = min(MOST_SHARDS, max(SHARDS, -(-training_rows // ROWS_OF_A_SHARD)))
    return {side: train if side == "train" else SHARDS for side in SIDES}


class WriteExamples(beam.DoFn):
    """(Features, origin) to files in `work`; gives a Report for each bundle."""

    def __init__(
        self, paths: Sequence[str], spec: specs.Spec, work: str, shards: int | None
    ) -> None:
        self._paths, self._spec = list(paths), spec
        self._work, self._shards = work, shards

    def setup(self) -> None:
        self._encoder = RecordBatchToExamplesEncoder()
        self._compared = example_counts.compared(self._spec)
        self._features = example_counts.written(self._spec)

    def start_bundle(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._writers: dict[tuple[str, int], _Writer] = {}
        self._sketches: dict[tuple[str, str], Sketch] = {}
        self._labels: dict[str, Tallies] = {}
        self._memories: Spills[PairCounts] = Spills(self._work, counting.added)
        self._averages: Spills[FoldSums] = Spills(self._work, averaging.added)
        self._of_side: dict[str, int] = {}

    def process(
        self,
        element: tuple[pa.RecordBatch, Origin],
        sizes: dict[str, int],
        training_rows: int = 0,
    ) -> None:
        batch, origin = element
        self._of_side = shard_counts(self._shards, training_rows)
        with as_message():
            for spills in (self._memories, self._averages):
                spills.rows_from(int(origin[0]))
        for number, side in enumerate(SIDES):
            there = np.flatnonzero(side_of(origin) == number)
            if len(there):
                rows = batch if len(there) == len(origin) else batch.take(pa.array(there))
                self._write(side, rows, origin[there], sizes)
                self._sketch(side, rows, origin[there])

    def _write(
        self, side: str, rows: pa.RecordBatch, origin: Origin, sizes: dict[str, int]
    ) -> None:
        path = self._paths[int(file_of(origin[0]))]
        self._counts["file", path, side] += rows.num_rows
        self._counts.update(example_counts.counted(rows, self._spec, side, sizes))
        if side == "train":
            for name, counts in example_counts.label_counts(rows, self._spec, sizes).items():
                self._labels[name] = self._labels.get(name, 0) + counts
        memories.add(self._memories.sums, rows, self._spec, side, sizes)
        records = in_order(self._encoder.encode(rows.select(self._features)), self._features)
        if side == "train":
            averages.add(self._averages.sums, rows, records, self._spec, sizes)
        shards = dealt(origin, self._of_side[side])
        for shard in np.unique(shards).tolist():
            own = np.flatnonzero(shards == shard).tolist()
            writer = self._writer(side, shard, int(origin[own[0]]))
            writer.write([records[at] for at in own])

    def _sketch(self, side: str, rows: pa.RecordBatch, origin: Origin) -> None:
        key = (leaks.EXAMPLES, side)
        found = leaks.example_hashes(rows, self._compared)
        if sketch := leaks.sketched(found, origin, self._sketches.get(key)):
            self._sketches[key] = sketch

    def _writer(self, side: str, shard: int, first: int) -> "_Writer":
        if (side, shard) not in self._writers:
            self._writers[side, shard] = _Writer(self._work, side, shard, first)
        return self._writers[side, shard]

    def finish_bundle(self) -> Iterator[Any]:
        with as_message():
            fragments = tuple(writer.close() for writer in self._writers.values())
            summed = self._memories.all(), self._averages.all()
            give_back()
        report = Report(
            *(self._counts, fragments),
            sketches=self._sketches,
            labels=self._labels,
            memories=summed[0],
            averages=summed[1],
        )
        yield GlobalWindows.windowed_value(report)


def _records(path: Path) -> Any:
    """A file of gzip TFRecords to write, at the fastest level."""
    tf = tensorflow()
    fast = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)
    return tf.io.TFRecordWriter(str(path), fast)


class _Writer:
    """One fragment while it is being written."""

    def __init__(self, work: str, side: str, shard: int, first: int) -> None:
        self._path = stores.under(work, f"{side}-{shard}-{uuid.uuid4().hex}")
        # An object is written whole: until then the fragment is a file of the worker's machine.
        self._scratch = tempfile.TemporaryDirectory() if stores.is_object(work) else None
        self._local = Path(self._scratch.name, "fragment") if self._scratch else Path(self._path)
        self._side, self._shard, self._first, self._records = side, shard, first, 0
        self._file = _records(self._local)

    def write(self, records: list[bytes]) -> None:
        for record in records:
            self._file.write(record)
        self._records += len(records)

    def close(self) -> Fragment:
        self._file.close()
        if self._scratch:
            stores.upload(self._local, self._path)
            self._scratch.cleanup()
        return Fragment(self._side, self._shard, self._first, self._path, self._records)


def gathered(fragments: Iterable[Fragment], paths: Sequence[Path]) -> None:
    """Joins the fragments of one side to files in a new folder: shard i becomes `paths[i]`."""
    paths[0].parent.mkdir(parents=True)
    by_shard: dict[int, list[Fragment]] = {shard: [] for shard in range(len(paths))}
    for fragment in sorted(fragments):
        by_shard[fragment.shard].append(fragment)
    for shard, parts in by_shard.items():
        if not parts:
            _records(paths[shard]).close()
        else:
            reports.join(parts, paths[shard])
