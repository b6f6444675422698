"""Scored batches to finished parts, and those to the output and what lies beside it."""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from pipeline.console.progress import Progress
from pipeline.failures import Exit, Failure
from serving.files.parts import FinishedParts, OpenPart, Tally
from serving.files.writers import Opener
from serving.model_file.unknown import UnknownValues
from serving.scoring.batches import ScoredBatch

# A killed run scores at most this many batches again.
BATCHES_OF_A_PART = 16


def fill(parts: FinishedParts, batches: Iterator[ScoredBatch], rows: int | None) -> None:
    """Writes the batches to parts; `rows` is what there is to score, for the progress."""
    progress, done = Progress("score", total=rows, unit="rows"), parts.total()
    while first := next(batches, None):
        with parts.part() as part:
            _write(part, first)
            for batch in islice(batches, BATCHES_OF_A_PART - 1):
                _write(part, batch)
                progress.at(done.read + part.tally.read, _note(done))
        done = parts.total()
    progress.end(done.read, _note(done))


def _write(part: OpenPart, batch: ScoredBatch) -> None:
    part.reject(batch.file, batch.rejected)
    part.count(batch.typed)
    part.tally.left_out += batch.left_out
    results = batch.results()
    part.tally.add(Tally(values=batch.seen.values, unknown=batch.seen.unknown))
    if results.num_rows:
        schema = pa.schema([*batch.carried.schema, *results.schema])
        columns = [*batch.carried.columns, *results.columns]
        part.write(pa.RecordBatch.from_arrays(columns, schema=schema))


def publish(parts: FinishedParts, output: Path, opened_with: Opener) -> None:
    """The parts become the output and its rejects; without any, an earlier run's file goes too."""
    tally, rejects = parts.total(), beside(output, ".rejected.jsonl")
    if tally.rejected:
        partial = rejects.with_name(f".{rejects.name}.partial")
        with partial.open("wb") as file:
            parts.copy_rejects(file)
        partial.replace(rejects)
        print(f"rejected rows: {rejects}", file=sys.stderr)
    else:
        rejects.unlink(missing_ok=True)
    if parts.schema is not None:
        with opened_with(parts.schema) as write:
            for batch in parts.batches():
                write(batch)
    parts.remove()
    if tally.rejected and not tally.scored:
        often = sorted(tally.reasons.items(), key=lambda one: -one[1])[:3]
        received = ", ".join(f"{count:,} {why}" for why, count in often)
        raise Failure(Exit.BAD_ROWS, "no row could be scored", received=received)


def beside(output: Path, suffix: str) -> Path:
    """The file of this suffix beside the output."""
    return output.with_name(f"{output.name}{suffix}")


def last_line(tally: Tally, before: int, seconds: float, output: str) -> str:
    """
    >>> last_line(Tally(scored=9_000, rejected=1_000), 0, 2.0, "s.csv")
    '9,000 rows scored, 1,000 rejected, 2.0 s, 5,000 rows/s: s.csv'
    """
    speed = (tally.read - before) / max(seconds, 1e-9)
    counts = f"{tally.scored:,} rows scored, {tally.rejected:,} rejected"
    counts += f", {tally.left_out:,} of other sides" if tally.left_out else ""
    line = f"{counts}, {seconds:.1f} s, {speed:,.0f} rows/s: {output}"
    return "; ".join(part for part in (line, unknown_values(tally).said()) if part)


def unknown_values(tally: Tally) -> UnknownValues:
    """What the model did not know of all rows."""
    return UnknownValues(Counter(tally.values), Counter(tally.unknown))


def _note(tally: Tally) -> str:
    return f"{tally.rejected:,} rejected" if tally.rejected else ""
