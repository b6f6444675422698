"""The finished parts of a long run, so that a killed one continues where it was.

    .scores.parquet.parts/     beside the output
        made_from              what the parts depend on; other contents: all parts are dropped
        00000.arrow            the scored rows of the first batches, typed as in the output
        00000.rejected.jsonl
        00000.seen             how its values are spread, where that is asked for
        00000.json             their tally; written last: without it the part is not finished

The output is made of the parts in the end, by an interrupted run and by one that was not.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.ipc

from kinds.columns import Rejected
from kinds.columns.json_lists import json_text
from pipeline.distributions.drift_counter import DriftCounter
from pipeline.failures import Exit, Failure
from pipeline.manifest import write_text

_MADE_FROM = "made_from"


@dataclass
class Tally:
    """What has been read so far: rows, and of the inputs that look values up how many of these
    there were and how many are unknown."""

    scored: int = 0
    rejected: int = 0
    left_out: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        self.scored += other.scored
        self.rejected += other.rejected
        self.left_out += other.left_out
        for name in ("reasons", "values", "unknown"):
            own = getattr(self, name)
            for key, count in getattr(other, name).items():
                own[key] = own.get(key, 0) + count

    @property
    def read(self) -> int:
        return self.scored + self.rejected + self.left_out


class FinishedParts:
    """The folder of parts. `tallies` has one entry for each finished part, in order.

    `counting` makes the empty counts of a part, None where nothing is counted.
    """

    def __init__(
        self,
        output: Path,
        made_from: str,
        *,
        fresh: bool = False,
        counting: Callable[[], DriftCounter] | None = None,
    ) -> None:
        self._counting = counting
        self._folder = output.with_name(f".{output.name}.parts")
        if fresh or _text(self._folder / _MADE_FROM) != made_from:
            self.remove()
            self._folder.mkdir()
            write_text(self._folder / _MADE_FROM, made_from)
        self.tallies: list[Tally] = []
        while said := _text(self._path(len(self.tallies), "json")):
            self.tallies.append(Tally(**json.loads(said)))
        self.schema = next((schema for schema in map(_schema, self._tables()) if schema), None)

    @contextmanager
    def part(self) -> Iterator["OpenPart"]:
        """The next part, finished if the block ends without an error."""
        number = len(self.tallies)
        with (
            self._path(number, "arrow").open("wb") as rows,
            self._path(number, "rejected.jsonl").open("wb") as rejects,
        ):
            part = OpenPart(rows, rejects, self.schema, self._counting and self._counting())
            yield part
            part.close()
        if part.seen is not None:
            with self._path(number, "seen").open("wb") as file:
                part.seen.write(file)
        self.schema = part.schema
        write_text(self._path(number, "json"), json.dumps(asdict(part.tally)))
        self.tallies.append(part.tally)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows of all finished parts."""
        for path in self._tables():
            if path.stat().st_size:
                with pa.memory_map(os.fsencode(path)) as source:
                    yield from pyarrow.ipc.open_stream(source)

    def copy_rejects(self, to: BinaryIO) -> None:
        for number in range(len(self.tallies)):
            with self._path(number, "rejected.jsonl").open("rb") as part:
                shutil.copyfileobj(part, to)

    def seen(self) -> DriftCounter | None:
        """What was counted in all finished parts."""
        if self._counting is None:
            return None
        total = self._counting()
        for number in range(len(self.tallies)):
            with self._path(number, "seen").open("rb") as file:
                total.read(file)
        return total

    def total(self) -> Tally:
        total = Tally()
        for tally in self.tallies:
            total.add(tally)
        return total

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tables(self) -> list[Path]:
        return [self._path(number, "arrow") for number in range(len(self.tallies))]

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number:05}.{kind}"


class OpenPart:
    """One part while it is written. The first batch of a run says the types of all."""

    def __init__(
        self, rows: BinaryIO, rejects: BinaryIO, schema: pa.Schema | None, seen: DriftCounter | None
    ) -> None:
        self.tally, self.schema, self.seen = Tally(), schema, seen
        self._rows, self._rejects = rows, rejects
        self._writer: pyarrow.ipc.RecordBatchStreamWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        self.schema = self.schema or batch.schema
        if self._writer is None:
            options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pyarrow.ipc.new_stream(self._rows, self.schema, options=options)
        self._writer.write_batch(_as(batch, self.schema))
        self.tally.scored += batch.num_rows

    def count(self, typed: pa.RecordBatch) -> None:
        """Rows as the model reads them."""
        if self.seen is not None:
            self.seen.add(typed)

    def reject(self, file: str, rejected: list[Rejected]) -> None:
        for one in rejected:
            line = json.dumps({"file": file, **asdict(one)}, ensure_ascii=False)
            self._rejects.write(line.encode(errors="surrogateescape") + b"\n")
            self.tally.add(Tally(rejected=1, reasons={one.why: 1}))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    try:
        columns = [_column(c, f.type) for c, f in zip(batch.columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        rule = f"a kept column has one type in all files, or one that fits the first: {error}"
        raise Failure(Exit.USAGE, rule) from None


def _column(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values as another type. Lists are JSON where all were missing at first: texts by type."""
    if column.null_count == len(column):
        return pa.nulls(len(column), kind)
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        return pa.array([json_text(value) for value in column.to_pylist()], kind)
    return column.cast(kind)


def _schema(path: Path) -> pa.Schema | None:
    if not path.stat().st_size:
        return None
    with pa.memory_map(os.fsencode(path)) as source:
        return pyarrow.ipc.open_stream(source).schema


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
