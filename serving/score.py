"""Scores files of raw rows: `python -m serving.score --model MODEL --input GLOB --output FILE`.

Reads Parquet, CSV, JSONL and Arrow IPC and writes them, by the output's suffix. One output row
for each row that fits the model, in order: the kept columns, then labels and scores of each head.
Rows that do not fit go to `<output>.rejected.jsonl`. A stream from end to end: memory does not
grow with the rows. The same command again continues a killed run. With `--evaluate`, rows that
hold targets also give `<output>.metrics.json`; with `--drift`, rows are held against the training
rows, in `<output>.drift.json`. Needs onnxruntime, numpy and pyarrow only.
"""

import argparse
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from kinds.columns import Rejected, carried, cast
from pipeline.console.progress import Progress
from pipeline.distributions.distances import Drift, add_thresholds, limits
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import combined_hash, lock, write_text
from pipeline.rows import expand
from pipeline.rows.batches import RawBatch
from pipeline.rows.csv_dialect import Csv, add_csv, csv_of
from pipeline.sides import SIDES
from pipeline.storage import stores
from pipeline.storage.full_disk import full_disk_explained
from serving.evaluation import Evaluation, drift, evaluation_of, table
from serving.files.by_side import COLUMN, BySide
from serving.files.long_form import RESULTS, opened_long
from serving.files.other_types import OtherTypes
from serving.files.parts import FinishedParts, OpenPart, Tally
from serving.files.sources import check_columns, column_types, read, rows_about
from serving.files.streams import FORMATS, STREAM, given, taken
from serving.files.writers import CsvCells, Opener, opened, suffix
from serving.model_file.unknown import UnknownValues
from serving.scorer import MOST_LABELS, Scorer
from serving.sign import verify

READ_ROWS = 8192
# A killed run scores at most this many batches again.
BATCHES_OF_A_PART = 16
# While one batch is scored the next one is read.
BATCHES_AHEAD = 1

T = TypeVar("T")


@dataclass(frozen=True)
class ScoredBatch:
    """One batch: its rows as the model reads them, what to carry along, a function that waits for
    the results, what the model did not know by then, its rejects, and how many rows were left
    out."""

    file: str
    typed: pa.RecordBatch
    carried: pa.RecordBatch
    results: Callable[[], pa.RecordBatch]
    seen: UnknownValues
    rejected: list[Rejected]
    left_out: int


def run(arguments: Sequence[str]) -> None:
    """The command. The last line that it prints counts rows, seconds, rows/s and unknown values."""
    options = _parser().parse_args(arguments)
    with (
        given(options.input, options.format) as inputs,
        taken(options.output, options.format) as output,
    ):
        files = expand(inputs)
        _check_output(output, files, force=options.force)
        with lock(output), full_disk_explained(output):
            _run(files, output, options)


def _run(files: list[str], output: Path, options: argparse.Namespace) -> None:
    if options.require_signature:
        verify(Path(options.model), options.require_signature)
    scorer = Scorer(options.model, labels_only=options.labels_only, workers=options.workers)
    heads, weight = scorer.heads(options.heads), scorer.metadata.weight
    csv = csv_of(options)
    evaluation = None
    if options.evaluate:
        workers = options.workers
        evaluation = evaluation_of(options.model, heads, weight, files, csv=csv, workers=workers)
    kept = list(dict.fromkeys([*scorer.metadata.keys, *options.keep]))
    by_side = BySide(scorer.metadata, options.side, shown=options.with_side)
    if by_side.needs_names and STREAM in options.input:
        rule = "the files' names decide the side of a row, and standard input has none"
        raise Failure(Exit.USAGE, rule)
    beside = [*kept, *by_side.names()]
    _check_columns(files, kept, scorer, options.heads, by_side, csv, long=options.long)
    by_side.see(files, csv)
    started = time.monotonic()
    names, uses_int8 = scorer.schema(options.heads).names, scorer.uses_int8(options.heads)
    is_drift = options.drift or options.fail_on_drift
    counting = drift.counting(scorer.metadata) if is_drift else None
    what = [options.top_k, names, uses_int8, beside, is_drift, options.side, csv.arguments()]
    made_from = _made_from(files, scorer.sha256, what)
    # Running totals are not kept in parts: an evaluation starts anew.
    parts = FinishedParts(output, made_from, fresh=options.evaluate, counting=counting)
    before, skip = parts.total().read, len(parts.tallies) * BATCHES_OF_A_PART
    other_types = OtherTypes(scorer.metadata.fields)
    batches = _batches(
        *(files, scorer, kept, options.top_k, options.heads, evaluation, skip, by_side, csv),
        other_types,
    )
    _fill(parts, _ahead(batches, BATCHES_AHEAD), rows_about(files))
    tally, seen = parts.total(), parts.seen()
    said = sys.stderr if options.output == STREAM else sys.stdout
    if seen is not None and tally.scored:
        found = Drift(tally.scored, list(seen.distances()), limits(options))
        # Where it fails the parts stay: the same command with --drift alone publishes them.
        drift.tell(found, _beside(output, ".drift.json"), said, fail=options.fail_on_drift)
    counted = seen if tally.scored else None
    for kind, made in ((".metrics.json", evaluation), (".drift.json", counted)):
        if made is None:
            _beside(output, kind).unlink(missing_ok=True)
    cells = CsvCells(raw=options.raw_csv)
    wide = partial(opened, output, cells=cells)
    if not tally.scored and not tally.rejected:
        # Files that were read whole and hold none of the rows: an empty day.
        parts.schema = pa.schema([*column_types(files[0], beside), *scorer.schema(options.heads)])
    _publish(parts, output, partial(opened_long, wide, beside, heads) if options.long else wide)
    if evaluation is not None:
        metrics = evaluation.metrics()
        write_text(_beside(output, ".metrics.json"), json.dumps(metrics, indent=2) + "\n")
        print("\n".join([table(metrics), *evaluation.unknown_lines()]), file=said)
    unknown = _unknown(tally).warnings(scorer.metadata.usual())
    for warning in [*other_types.warnings(), *unknown]:
        print(warning, file=sys.stderr)
    line = _last_line(tally, before, time.monotonic() - started, options.output)
    print(line + cells.line(), file=said)


def _last_line(tally: Tally, before: int, seconds: float, output: str) -> str:
    """
    >>> _last_line(Tally(scored=9_000, rejected=1_000), 0, 2.0, "s.csv")
    '9,000 rows scored, 1,000 rejected, 2.0 s, 5,000 rows/s: s.csv'
    """
    speed = (tally.read - before) / max(seconds, 1e-9)
    counts = f"{tally.scored:,} rows scored, {tally.rejected:,} rejected"
    counts += f", {tally.left_out:,} of other sides" if tally.left_out else ""
    line = f"{counts}, {seconds:.1f} s, {speed:,.0f} rows/s: {output}"
    return "; ".join(part for part in (line, _unknown(tally).said()) if part)


def _unknown(tally: Tally) -> UnknownValues:
    return UnknownValues(Counter(tally.values), Counter(tally.unknown))


def _check_output(output: Path, files: Sequence[str], *, force: bool) -> None:
    suffix(output)
    if not output.parent.is_dir():
        raise Failure(Exit.USAGE, "the output's folder must exist", received=output.parent)
    if output.is_dir() or any(output.resolve() == Path(f).resolve() for f in files):
        rule = "the output must be a file, and none of the inputs"
        raise Failure(Exit.USAGE, rule, received=output)
    if output.exists() and not force:
        raise Failure(Exit.OCCUPIED, f"{output} exists; --force replaces it")


def _check_columns(
    files: Sequence[str],
    kept: list[str],
    scorer: Scorer,
    heads: Sequence[str] | None,
    by_side: BySide,
    csv: Csv,
    *,
    long: bool,
) -> None:
    """Before any work: every file has every column, and no column would be written twice."""
    results = {*scorer.schema(heads).names, *(RESULTS.names if long else []), *by_side.names()}
    if both := sorted(results.intersection(kept)):
        raise Failure(Exit.USAGE, "a kept column must not be called as a result is", received=both)
    for file in files:
        check_columns(file, [*scorer.columns, *kept, *by_side.columns], csv)


def _made_from(files: Sequence[str], model: str, what: list[object]) -> str:
    """Everything that the scored rows depend on."""
    inputs = [(file, stores.state(file)) for file in files]
    libraries = [version(library) for library in ("numpy", "onnxruntime", "pyarrow")]
    sizes = [READ_ROWS, BATCHES_OF_A_PART]
    return combined_hash([model, *libraries, json.dumps([inputs, what, sizes])])


def _batches(
    files: Sequence[str],
    scorer: Scorer,
    kept: list[str],
    top_k: int | None,
    heads: Sequence[str] | None,
    evaluation: Evaluation | None,
    skip: int,
    by_side: BySide,
    csv: Csv,
    other_types: OtherTypes,
) -> Iterator[ScoredBatch]:
    """The batches of all files, without the first `skip` ones."""
    columns = [*scorer.columns, *kept, *(evaluation.columns if evaluation else [])]
    columns += by_side.columns
    batches = ((file, raw) for file in files for raw in read(file, columns, READ_ROWS, csv))
    for file, raw in islice(batches, skip, None):
        other_types.see(file, raw.rows)
        chosen, sides, unfit = by_side.of(file, raw)
        rows = raw.rows if len(chosen) == raw.rows.num_rows else raw.rows.take(pa.array(chosen))
        typed, good, more = cast(rows, scorer.metadata.fields)
        seen = UnknownValues()
        results = scorer.score_later(typed, top_k, heads, seen)
        fit = rows.take(pa.array(good))
        if evaluation is not None:
            evaluation.add(typed, fit)
        beside = fit.select(kept)
        if sides is not None:
            beside = beside.append_column(COLUMN, sides.take(pa.array(good)))
        left_out = raw.rows.num_rows - len(chosen) - len(unfit)
        unfit += [replace(one, row=int(chosen[one.row])) for one in more]
        rejected = _rejected(raw, unfit)
        yield ScoredBatch(file, typed, carried(beside), results, seen, rejected, left_out)


def _rejected(raw: RawBatch, unfit: Sequence[Rejected]) -> list[Rejected]:
    """What the format could not give and what does not fit, by the number in the file."""
    numbers = raw.numbers()
    by_row = [Rejected(int(numbers[r.row]), r.column, r.reason, r.text) for r in unfit]
    return sorted([*raw.broken, *by_row], key=lambda r: r.row)


def _ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The same items, each given when `count` more have been made."""
    waiting: deque[T] = deque()
    for item in items:
        waiting.append(item)
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def _fill(parts: FinishedParts, batches: Iterator[ScoredBatch], rows: int | None) -> None:
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


def _publish(parts: FinishedParts, output: Path, opened_with: Opener) -> None:
    """The parts become the output and its rejects; without any, an earlier run's file goes too."""
    tally, rejects = parts.total(), _beside(output, ".rejected.jsonl")
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


def _beside(output: Path, suffix: str) -> Path:
    return output.with_name(f"{output.name}{suffix}")


def _note(tally: Tally) -> str:
    return f"{tally.rejected:,} rejected" if tally.rejected else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.score",
        # All options once more would not leave room for them on a screen.
        usage="%(prog)s --model MODEL --input FILES --output FILE [options]",
        description=__doc__,
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--input", required=True, nargs="+", help="files or globs of rows, or -")
    parser.add_argument(
        "--output", required=True, help=".parquet, .arrow, .csv[.gz] or .jsonl[.gz], or -"
    )
    parser.add_argument("--format", choices=FORMATS, help="of what - stands for")
    add_csv(parser)
    parser.add_argument("--top-k", type=positive, help="labels per head (default: the model's)")
    said = "more columns to carry along"
    parser.add_argument("--keep", nargs="+", metavar="COL", default=[], help=said)
    parser.add_argument("--heads", nargs="+", metavar="H", help="these heads only")
    said = f"only rows of these sides of the model's split: {', '.join(SIDES)}"
    parser.add_argument("--side", nargs="+", metavar="S", choices=SIDES, help=said)
    parser.add_argument("--with-side", action="store_true", help=f"add the column {COLUMN!r}")
    parser.add_argument(
        "--labels-only", action="store_true", help="no scores of labels: faster, the same labels"
    )
    parser.add_argument(
        "--long", action="store_true", help="a row for each rank: head, rank, label, score"
    )
    parser.add_argument("--evaluate", action="store_true", help="metrics of rows with targets")
    parser.add_argument(
        "--drift", action="store_true", help="how far the rows are from the training rows"
    )
    parser.add_argument(
        "--fail-on-drift", action="store_true", help="exit code 4 where they are too far"
    )
    add_thresholds(parser)
    parser.add_argument("--workers", type=positive, help="threads (default: one per core)")
    parser.add_argument("--raw-csv", action="store_true", help="no ' before =, +, - or @ in CSV")
    parser.add_argument(
        "--require-signature",
        type=Path,
        metavar="KEY",
        help="refuse a model without its signature (serving.sign)",
    )
    parser.add_argument("--force", action="store_true", help="replace an output that exists")
    return parser


def positive(text: str) -> int:
    """A count on the command line."""
    # Python takes long for the digits of a long one, or refuses them.
    is_count = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_LABELS))
    if not is_count or not 1 <= int(text) <= MOST_LABELS:
        rule = f"must be a whole number from 1 to {MOST_LABELS:,}"
        raise argparse.ArgumentTypeError(f"{rule}. Received: {text:.40}")
    return int(text)


if __name__ == "__main__":
    main(run)
