"""Files of rows as Beam sees them: typed batches, and every row accounted for."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows

from kinds.columns import Rejected, cast, family
from pipeline import rows, sides
from pipeline import spec as specs
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
from pipeline.preparing import leaks, split_sides
from pipeline.preparing.leaks import Sketch
from pipeline.preparing.reports import Fragment, Report, Sample, sampled
from pipeline.rows import bigquery
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.storage import stores

REPORTS = "reports"


def nobody(doing: str, rows: int) -> None:
    """The listener of a process in which nobody wants to know."""


# Told what a reader of this process does and how many rows it has just read. Beam has no way
# to hear that from a pipeline while it runs (pipeline.console.row_progress).
listener: Callable[[str, int], None] = nobody
REJECTED = "rejected"
_MARK = "pipeline failure "
# An origin is file * 2^42 + row * 4 + side: four million million rows a file, two million files.
_FILE_BITS, _SIDE_BITS = 42, 2


class FilePart(NamedTuple):
    """The number of a file, and which part of it is meant (pipeline.rows); None for all of it.

    Of a table there are no parts to be read, but rows that were.
    """

    file: int
    part: rows.Span | RawBatch = None


class FindParts(beam.DoFn):
    """A whole file to the parts that different workers can read."""

    def __init__(self, paths: Sequence[str], csv: Csv = AS_FOUND) -> None:
        self._paths, self._csv = list(paths), csv

    def process(self, whole: FilePart) -> Iterator[FilePart]:
        with as_message():
            for part in rows.parts(self._paths[whole.file], self._csv):
                yield FilePart(whole.file, part)


class AsPart(beam.DoFn):
    """Rows of a table, as dictionaries, to the part that they are."""

    def __init__(self, at: int, path: str, columns: Sequence[str]) -> None:
        self._at, self._path, self._columns = at, path, list(columns)

    def process(self, found: Sequence[dict[str, Any]]) -> Iterator[FilePart]:
        with as_message():
            yield FilePart(self._at, bigquery.raw_batch(self._path, found, self._columns))


class _Reader(beam.DoFn):
    """Reads, types and splits one part of a file after the other."""

    doing = "write"

    def __init__(
        self, paths: Sequence[str], fields: Fields, split: specs.Split, csv: Csv = AS_FOUND
    ) -> None:
        self._paths, self._fields, self._csv = list(paths), fields, csv
        self._split = sides.Split.of(split.model_dump())

    def _raw(self, path: str, meant: rows.Span | RawBatch) -> Iterator[RawBatch]:
        if isinstance(meant, RawBatch):
            yield meant
        else:
            yield from rows.read(path, self._fields.columns(), part=meant, csv=self._csv)

    def _batches(self, part: FilePart) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, Any, Any]]:
        """(raw rows, typed good rows, their origin int64 [rows], the rejected) of each batch."""
        at, meant = part
        path, wanted = self._paths[at], self._fields.all()
        for raw in self._raw(path, meant):
            typed, good, bad = cast(raw.rows, wanted)
            numbers = raw.numbers()
            rejected = [Rejected(int(numbers[b.row]), b.column, b.reason, b.text) for b in bad]
            columns = [typed.column(field.output) for field in self._fields.split.values()]
            side = self._split.sides(path, columns, typed.num_rows)
            origin = (at << _FILE_BITS) | (numbers[good] << _SIDE_BITS) | side
            all_rejected = sorted(raw.broken + rejected, key=lambda bad: bad.row)
            listener(self.doing, raw.rows.num_rows)
            yield raw.rows, typed, origin, all_rejected


def side_of(origin: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return origin & ((1 << _SIDE_BITS) - 1)


def file_of(origin: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return origin >> _FILE_BITS


def place(origin: int, paths: Sequence[str]) -> dict[str, Any]:
    """The file and the row of an origin."""
    row = (origin & ((1 << _FILE_BITS) - 1)) >> _SIDE_BITS
    return {"file": paths[origin >> _FILE_BITS], "row": row}


class ReadTrainingRows(_Reader):
    """Part of a file to the batches of its rows that are on the training side."""

    doing = "learn"

    def process(self, part: FilePart) -> Iterator[pa.RecordBatch]:
        with as_message():
            for _, typed, origin, _ in self._batches(part):
                kept = typed.filter(pa.array(side_of(origin) == sides.TRAIN))
                if kept.num_rows:
                    yield kept


class ReadRows(_Reader):
    """Part of a file to the batches of all its good rows and their origin, int64 [rows].

    What is not good goes to a file. The output `reports` counts rows read and rejected, and
    carries samples of each side, and hashes of its keys where they are `compared_keys`.
    """

    def __init__(
        self,
        paths: Sequence[str],
        fields: Fields,
        split: specs.Split,
        work: str,
        *,
        compared_keys: bool,
        csv: Csv = AS_FOUND,
    ) -> None:
        super().__init__(paths, fields, split, csv)
        self._work, self._compared_keys = work, compared_keys

    def start_bundle(self) -> None:
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._samples: dict[str, Sample] = {}
        self._fragments: list[Fragment] = []
        self._sketches: dict[tuple[str, str], Sketch] = {}
        self._split_values: Counter[str] = Counter()

    def process(self, part: FilePart) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
        at = part.file
        with as_message():
            for raw, typed, origin, rejected in self._batches(part):
                if rejected:
                    self._set_aside(at, rejected)
                self._count(self._paths[at], raw.num_rows, typed.num_rows, rejected)
                self._count_types(raw)
                if self._split.by == "column":
                    self._count_split_values(typed)
                self._sample(typed, origin)
                if self._compared_keys:
                    self._compare_keys(typed, origin)
                if typed.num_rows:
                    yield typed, origin

    def _set_aside(self, at: int, rejected: list[Rejected]) -> None:
        """A batch's rejected rows become a fragment."""
        path = stores.under(self._work, f"{REJECTED}-{at}-{uuid.uuid4().hex}")
        lines = "".join(_line(self._paths[at], bad) for bad in rejected)
        # The name of a file may be more than the locale has letters for.
        stores.write(path, lines.encode(errors="surrogateescape"))
        first = (at << _FILE_BITS) | (rejected[0].row << _SIDE_BITS)
        self._fragments.append(Fragment(REJECTED, at, first, path, len(rejected)))

    def _count(self, path: str, raw: int, good: int, rejected: list[Rejected]) -> None:
        broken = len(rejected) - (raw - good)
        self._counts["file", path, "read"] += raw + broken
        self._counts["file", path, "rejected"] += len(rejected)
        self._counts.update(("reason", bad.reason, bad.why) for bad in rejected)

    def _count_types(self, raw: pa.RecordBatch) -> None:
        """What files have where texts are asked for: one column may come in several types."""
        for field in self._fields.all():
            if field.column_type.element() == "string" and raw.num_rows:
                kind = family(raw.column(field.column).type)
                self._counts["type", field.column, kind] += raw.num_rows

    def _count_split_values(self, typed: pa.RecordBatch) -> None:
        (field,) = self._fields.split.values()
        found = split_sides.value_counts(typed.column(field.output))
        for value in {*sides.texts_of([*self._split.eval, *self._split.test])} & found.keys():
            self._counts["split", value] += found[value]
        self._split_values = split_sides.remembered(self._split_values + found)

    def _sample(self, typed: pa.RecordBatch, origin: npt.NDArray[np.int64]) -> None:
        shown = typed.select([field.output for field in self._fields.sampled()])
        hashes = sides.scrambled(origin.astype(np.uint64))
        for number, side in enumerate(sides.SIDES):
            there = side_of(origin) == number
            sample = sampled(hashes[there], shown.filter(pa.array(there)), self._samples.get(side))
            if sample is not None:
                self._samples[side] = sample

    def _compare_keys(self, typed: pa.RecordBatch, origin: npt.NDArray[np.int64]) -> None:
        keys = [typed.column(field.output) for field in self._fields.keys.values()]
        found, there = leaks.key_hashes(keys)
        for number, side in enumerate(sides.SIDES):
            own, key = there & (side_of(origin) == number), (leaks.KEYS, side)
            if sketch := leaks.sketched(found[own], origin[own], self._sketches.get(key)):
                self._sketches[key] = sketch

    def finish_bundle(self) -> Iterator[Any]:
        report = Report(
            *(self._counts, tuple(self._fragments), self._samples, self._sketches),
            split_values=self._split_values,
        )
        yield beam.pvalue.TaggedOutput(REPORTS, GlobalWindows.windowed_value(report))


def _line(path: str, bad: Rejected) -> str:
    said = {
        "file": path,
        "row": bad.row,
        "column": bad.column,
        "reason": bad.reason,
        "text": bad.text,
    }
    return json.dumps(said, ensure_ascii=False) + "\n"


class as_message:
    """A Failure does not survive the way from a worker; its text does."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Failure):
            said = json.dumps([int(error.exit_code), str(error)])
            raise RuntimeError(f"{_MARK}{said}{_MARK}") from None


def failure_in(error: BaseException) -> Failure | None:
    """The Failure that a worker met, if that is why the pipeline ended."""
    parts = str(error).split(_MARK)
    for part in parts[1::2]:
        try:
            exit_code, message = json.loads(part)
            return Failure(Exit(exit_code), message)
        except ValueError:
            continue
    return None
