"""Files of rows as Beam sees them: typed batches, and every row accounted for."""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from apache_beam.transforms.window import GlobalWindows

from kinds.columns import Rejected, cast, family
from kinds.lists import list_lengths
from pipeline import rows, sides
from pipeline import spec as specs
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
from pipeline.preparing import leaks, split_sides
from pipeline.preparing.leaks import Sketch
from pipeline.preparing.reports import Fragment, Report, Sample, around, joined, sampled
from pipeline.preparing.split_sides import Times
from pipeline.rows import bigquery
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.sides.last_rows import HeldOut
from pipeline.sides.origins import FILE_BITS, IN_FILE, SIDE_BITS, file_of, origins, side_of
from pipeline.sides.times import times_of
from pipeline.storage import stores

REPORTS = "reports"
# What a split needs to know of all rows, by the names of pipeline.sides.Split.
Known = dict[str, Any]


def nobody(doing: str, rows: int) -> None:
    """The listener of a process in which nobody wants to know."""


# Told what a reader of this process does and how many rows it has just read. Beam has no way
# to hear that from a pipeline while it runs (pipeline.console.row_progress).
listener: Callable[[str, int], None] = nobody
REJECTED = "rejected"
_MARK = "pipeline failure "


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


class Reader(beam.DoFn):
    """Reads, types and splits one part of a file after the other."""

    doing = "write"

    def __init__(
        self, paths: Sequence[str], fields: Fields, split: specs.Split, csv: Csv = AS_FOUND
    ) -> None:
        self._paths, self._fields, self._csv = list(paths), fields, csv
        self._split = asked_split(split)

    def _raw(
        self, path: str, meant: rows.Span | RawBatch, columns: Sequence[str]
    ) -> Iterator[RawBatch]:
        if isinstance(meant, RawBatch):
            yield meant
        else:
            yield from rows.read(path, columns, part=meant, csv=self._csv)

    def _batches(
        self, part: FilePart, known: Known | None = None
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, Any, Any]]:
        """(raw rows, typed good rows, their origin int64 [rows], the rejected) of each batch.

        `known` is what the split needs to know of all rows.
        """
        at, meant = part
        path, wanted = self._paths[at], self._fields.read()
        split = self._split if known is None else replace(self._split, **known)
        for raw in self._raw(path, meant, self._fields.columns()):
            typed, good, bad = cast(raw.rows, wanted)
            numbers = raw.numbers()
            rejected = [Rejected(int(numbers[b.row]), b.column, b.reason, b.text) for b in bad]
            origin = origins(at, numbers[good])
            columns = [typed.column(field.output) for field in self._fields.split.values()]
            side = split.sides(path, columns, sides.Rows(numbers[good], origin))
            if len(nowhere := np.flatnonzero(side == sides.NOWHERE)):
                cells = columns[-1].take(pa.array(nowhere))
                column = split.columns[-1]
                rejected += sides.without_time(column, numbers[good][nowhere], cells)
                kept = side != sides.NOWHERE
                typed, origin, side = typed.filter(pa.array(kept)), origin[kept], side[kept]
            all_rejected = sorted(raw.broken + rejected, key=lambda bad: bad.row)
            listener(self.doing, raw.rows.num_rows)
            yield raw.rows, *self._with_next(typed, origin, side), all_rejected

    def _with_next(self, typed: pa.RecordBatch, origin: Any, side: Any) -> tuple[Any, Any]:
        """Rows and their origin; where heads predict the next element of a list, with what comes
        next."""
        following = self._fields.next_elements
        if following is None:
            return typed, origin | side
        if not following.held_out:
            ends = list_lengths(typed.column(following.lists[0]))
            return following.cut(typed, ends), origin | side
        rows, ends, side = following.rows(typed)
        return following.cut(typed.take(pa.array(rows)), ends), origin[rows] | side


def asked_split(split: specs.Split) -> sides.Split:
    """The split as a spec asks for it, without what an earlier run found."""
    return sides.Split.of(split.model_dump(exclude={"begins"}))


def known_of(known: Known, file: int) -> str:
    """A hash of what is known of a split, as far as it is about the rows of a file."""
    held_out: HeldOut | None = known.get("held_out")
    if held_out is None:
        return str(known)
    rows = [side[file_of(side) == file] & IN_FILE for side in (held_out.eval, held_out.test)]
    return hashlib.sha256(b"|".join(side.tobytes() for side in rows)).hexdigest()


class ReadSide(Reader):
    """Part of a file to the batches of its rows that are on one side."""

    doing = "learn"
    side: int

    def process(self, part: FilePart, known: Known | None = None) -> Iterator[pa.RecordBatch]:
        with as_message():
            for _, typed, origin, _ in self._batches(part, known):
                kept = typed.filter(pa.array(side_of(origin) == self.side))
                if kept.num_rows:
                    yield kept


class ReadTrainingRows(ReadSide):
    """Part of a file to the batches of its training rows."""

    side = sides.TRAIN


class ReadEvalRows(ReadSide):
    """Part of a file to the batches of its eval rows."""

    side = sides.EVAL


class ReadRows(Reader):
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
        self._times: dict[str, Times] = {}

    def process(
        self, part: FilePart, known: Known | None = None
    ) -> Iterator[tuple[pa.RecordBatch, npt.NDArray[np.int64]]]:
        at = part.file
        with as_message():
            for raw, typed, origin, rejected in self._batches(part, known):
                if rejected:
                    self._set_aside(at, rejected)
                self._count(self._paths[at], raw.num_rows, origin, rejected)
                self._count_types(raw)
                if self._split.by == "column":
                    self._count_split_values(typed)
                if self._split.has_times:
                    self._measure_times(typed, origin)
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
        first = (at << FILE_BITS) | (rejected[0].row << SIDE_BITS)
        self._fragments.append(Fragment(REJECTED, at, first, path, len(rejected)))

    def _count(self, path: str, raw: int, origin: Any, rejected: list[Rejected]) -> None:
        good = len(np.unique(origin >> SIDE_BITS))
        broken = len(rejected) - (raw - good)
        self._counts["file", path, "read"] += raw + broken
        # A row whose list has elements on several sides is an example on each.
        self._counts["file", path, "repeated"] += len(origin) - good
        self._counts["file", path, "rejected"] += len(rejected)
        self._counts.update(("reason", bad.reason, bad.why) for bad in rejected)

    def _count_types(self, raw: pa.RecordBatch) -> None:
        """What files have where texts are asked for: one column may come in several types."""
        for field in self._fields.read():
            if field.column_type.element() == "string" and raw.num_rows:
                kind = family(raw.column(field.column).type)
                self._counts["type", field.column, kind] += raw.num_rows

    def _count_split_values(self, typed: pa.RecordBatch) -> None:
        (field,) = self._fields.split.values()
        found = split_sides.value_counts(typed.column(field.output))
        for value in {*sides.texts_of([*self._split.eval, *self._split.test])} & found.keys():
            self._counts["split", value] += found[value]
        self._split_values = split_sides.remembered(self._split_values + found)

    def _measure_times(self, typed: pa.RecordBatch, origin: npt.NDArray[np.int64]) -> None:
        *_, field = self._fields.split.values()
        found = times_of(typed.column(field.output))
        for number, side in enumerate(sides.SIDES):
            there = side_of(origin) == number
            if there.any():
                at = found.at[there]
                span = {side: (int(at.min()), int(at.max()), int(found.kind[there][0]))}
                self._times = joined(self._times, span, around)

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
            times=self._times,
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
