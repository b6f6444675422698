"""Scores files of raw rows: `python -m serving.score --model MODEL --input GLOB --output FILE`.

Reads Parquet, CSV and JSONL, writes Parquet, CSV or JSONL by the output's suffix. One output row
for each row that fits the model, in order: the kept columns, then labels and scores of each head.
Rows that do not fit go to `<output>.rejected.jsonl`. A stream from end to end: memory does not
grow with the rows. Needs onnxruntime, numpy and pyarrow only.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet

from pipeline.casting import Rejected, cast
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import lock
from pipeline.progress import Progress
from pipeline.rows import RawBatch, check_columns, expand, read
from serving.scorer import Scorer
from serving.writers import opened, suffix

READ_ROWS = 8192
_COUNT_BYTES = 1 << 20


@dataclass
class Tally:
    """What has been read so far."""

    scored: int = 0
    rejected: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def reject(self, rows: Sequence[Rejected]) -> None:
        self.rejected += len(rows)
        for row in rows:
            self.reasons[row.reason] = self.reasons.get(row.reason, 0) + 1


def run(arguments: Sequence[str]) -> None:
    """The command. Its last line on standard output counts rows, seconds and rows/s."""
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    files = expand(options.input)
    _check_output(output, files, force=options.force)
    with lock(output):
        scorer = Scorer(options.model, threads=options.threads, unchecked=options.unchecked)
        kept = list(dict.fromkeys([*scorer.metadata.keys, *options.keep]))
        _check_columns(files, [*scorer.columns, *kept], scorer, options.heads)
        started = time.monotonic()
        tally = _score_files(files, output, scorer, kept, options)
    seconds = time.monotonic() - started
    print(
        f"{tally.scored:,} rows scored, {tally.rejected:,} rejected, {seconds:.1f} s, "
        f"{tally.scored / max(seconds, 1e-9):,.0f} rows/s: {output}"
    )


def _check_output(output: Path, files: Sequence[str], *, force: bool) -> None:
    suffix(output)
    if not output.parent.is_dir():
        raise Failure(Exit.USAGE, "the output's folder must exist", received=output.parent)
    if output.is_dir() or any(output.resolve() == Path(f).resolve() for f in files):
        raise Failure(
            Exit.USAGE, "the output must be a file, and none of the inputs", received=output
        )
    if output.exists() and not force:
        raise Failure(Exit.OCCUPIED, f"{output} exists; --force replaces it")


def _check_columns(
    files: Sequence[str], columns: list[str], scorer: Scorer, heads: Sequence[str] | None
) -> None:
    """Before any work: every file has every column, and no column would be written twice."""
    results = set(scorer.schema(heads).names)
    if both := sorted(results.intersection(columns)):
        raise Failure(Exit.USAGE, "a kept column must not be called as a result is", received=both)
    for file in files:
        check_columns(file, columns)


def _score_files(
    files: Sequence[str],
    output: Path,
    scorer: Scorer,
    kept: list[str],
    options: argparse.Namespace,
) -> Tally:
    tally = Tally()
    rejects = output.with_name(output.name + ".rejected.jsonl")
    partial = rejects.with_name(f".{rejects.name}.partial")
    progress = Progress("score", total=_rows_about(files), unit="rows")
    with partial.open("w", encoding="utf-8") as log:
        batches = _scored(files, scorer, kept, options, log, tally, progress)
        _write(batches, output, raw_csv=options.raw_csv)
    _keep_rejects(partial, rejects, tally)
    progress.end(tally.scored + tally.rejected, _note(tally))
    if not tally.scored:
        raise Failure(Exit.BAD_ROWS, "no row could be scored", received=tally.reasons or "no rows")
    return tally


def _scored(
    files: Sequence[str],
    scorer: Scorer,
    kept: list[str],
    options: argparse.Namespace,
    log: TextIO,
    tally: Tally,
    progress: Progress,
) -> Iterator[pa.RecordBatch]:
    for file in files:
        for raw in read(file, [*scorer.columns, *kept], READ_ROWS):
            typed, good, unfit = cast(raw.rows, scorer.metadata.fields)
            _log_rejects(log, file, raw, unfit, tally)
            if typed.num_rows:
                results = scorer.score_typed(typed, options.top_k, options.heads)
                yield _beside(raw.rows.select(kept).take(pa.array(good)), results)
            tally.scored += typed.num_rows
            progress.at(tally.scored + tally.rejected, _note(tally))


def _beside(carried: pa.RecordBatch, results: pa.RecordBatch) -> pa.RecordBatch:
    columns = [*carried.columns, *results.columns]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema([*carried.schema, *results.schema]))


def _write(batches: Iterator[pa.RecordBatch], output: Path, *, raw_csv: bool) -> None:
    """The first batch says the types; a later file with others must be castable to them."""
    first = next(batches, None)
    if first is None:
        return
    with opened(output, first.schema, raw_csv=raw_csv) as write:
        write(first)
        for batch in batches:
            write(batch if batch.schema.equals(first.schema) else _as(batch, first.schema))


def _as(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    try:
        return batch.cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        rule = f"a kept column has one type in all files, or one that fits the first: {error}"
        raise Failure(Exit.USAGE, rule) from None


def _log_rejects(
    log: TextIO, file: str, raw: RawBatch, unfit: Sequence[Rejected], tally: Tally
) -> None:
    numbers = raw.numbers()
    by_row = [Rejected(int(numbers[r.row]), r.column, r.reason, r.text) for r in unfit]
    rejected = sorted([*raw.broken, *by_row], key=lambda r: r.row)
    tally.reject(rejected)
    for one in rejected:
        print(json.dumps({"file": file, **asdict(one)}, ensure_ascii=False), file=log)


def _keep_rejects(partial: Path, rejects: Path, tally: Tally) -> None:
    """Publishes the rejects; without any, an earlier run's file goes too."""
    if tally.rejected:
        partial.replace(rejects)
        print(f"rejected rows: {rejects}", file=sys.stderr)
    else:
        partial.unlink()
        rejects.unlink(missing_ok=True)


def _note(tally: Tally) -> str:
    return f"{tally.rejected:,} rejected" if tally.rejected else ""


def _rows_about(files: Sequence[str]) -> int | None:
    """How many rows there will be, for the estimate of the time left; None where unknown.

    Newlines inside quotes count too, so a CSV file may have fewer.
    """
    counts = [_row_count(Path(file)) for file in files]
    return None if None in counts else sum(c for c in counts if c is not None)


def _row_count(file: Path) -> int | None:
    if file.suffix == ".parquet":
        return int(pyarrow.parquet.read_metadata(file).num_rows)
    if file.suffix == ".gz":
        return None
    with file.open("rb") as lines:
        return sum(block.count(b"\n") for block in iter(lambda: lines.read(_COUNT_BYTES), b""))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.score", description=__doc__)
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument("--input", required=True, nargs="+", help="files or globs of rows")
    parser.add_argument("--output", required=True, help=".parquet, .csv[.gz] or .jsonl[.gz]")
    parser.add_argument("--top-k", type=_positive, help="labels per head (default: the model's)")
    parser.add_argument("--keep", nargs="+", default=[], help="more columns to carry along")
    parser.add_argument("--heads", nargs="+", help="these heads only")
    parser.add_argument("--threads", type=_positive, help="to score with (default: one per core)")
    parser.add_argument("--raw-csv", action="store_true", help="no ' before =, +, - or @ in CSV")
    parser.add_argument("--unchecked", action="store_true", help="load without model.onnx.sha256")
    parser.add_argument("--force", action="store_true", help="replace an output that exists")
    return parser


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1. Received: {text}")
    return int(text)


if __name__ == "__main__":
    main(run)
