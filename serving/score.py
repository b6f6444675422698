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
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from pipeline.distributions.distances import Drift, limits
from pipeline.failures import Exit, Failure, main
from pipeline.manifest import lock, write_text
from pipeline.rows import expand
from pipeline.rows.csv_dialect import csv_of
from pipeline.storage.full_disk import full_disk_explained
from serving.evaluation import Evaluation, drift, evaluation_of
from serving.evaluation.tables import metric_lines, slice_lines
from serving.files.by_side import BySide
from serving.files.long_form import opened_long
from serving.files.other_types import OtherTypes
from serving.files.parts import FinishedParts
from serving.files.set_aside import SetAside, aside_of
from serving.files.sources import column_types, rows_about
from serving.files.streams import STREAM, given, taken
from serving.files.writers import CsvCells, Opener, opened
from serving.model_file.metadata import Metadata
from serving.scorer import Scorer
from serving.scoring import publishing
from serving.scoring.asked import asked
from serving.scoring.batches import Batches, ahead
from serving.scoring.checks import check_all_columns, check_output, made_from
from serving.scoring.limits import limits_from
from serving.scoring.options import parser
from serving.scoring.publishing import beside, fill, last_line, publish, unknown_values
from serving.sign import verify

# While one batch is scored the next one is read.
BATCHES_AHEAD = 1


def run(arguments: Sequence[str]) -> None:
    """The command. The last line that it prints counts rows, seconds, rows/s and unknown values."""
    options = parser().parse_args(arguments)
    with (
        given(options.input, options.format) as inputs,
        taken(options.output, options.format) as output,
    ):
        files = expand(inputs)
        check_output(output, files, force=options.force)
        with lock(output), full_disk_explained(output):
            _run(files, output, options)


def _run(files: list[str], output: Path, options: argparse.Namespace) -> None:
    if options.require_signature:
        verify(Path(options.model), options.require_signature)
    batches = _batches(files, options)
    scorer, evaluation = batches.scorer, batches.evaluation
    check_all_columns(files, batches, long=options.long)
    batches.by_side.see(files, batches.csv)
    started = time.monotonic()
    is_drift = options.drift or options.fail_on_drift
    counting = drift.counting(scorer.metadata) if is_drift else None
    # Running totals are not kept in parts: an evaluation starts anew.
    from_what = made_from(files, scorer.sha256, _what(batches, options))
    parts = FinishedParts(output, from_what, fresh=evaluation is not None, counting=counting)
    before, skip = parts.total().read, len(parts.tallies) * publishing.BATCHES_OF_A_PART
    fill(parts, ahead(batches.of(files, skip), BATCHES_AHEAD), rows_about(files))
    tally, said = parts.total(), sys.stderr if options.output == STREAM else sys.stdout
    _tell_drift(parts, output, options, said, scorer.metadata)
    if evaluation is None:
        beside(output, ".metrics.json").unlink(missing_ok=True)
    cells = CsvCells(raw=options.raw_csv)
    if not tally.scored and not tally.rejected:
        # Files that were read whole and hold none of the rows: an empty day.
        parts.schema = pa.schema([*column_types(files[0], batches.beside), *batches.schema()])
    aside, path = SetAside(options.flag_unknown), aside_of(output)
    openers = [_opener(to, batches, cells, long=options.long) for to in (output, path)]
    if options.flag_unknown is None:
        path.unlink(missing_ok=True)
        publish(parts, output, openers[0])
    else:
        publish(parts, output, partial(aside.opened, *openers))
        print(aside.line(path), file=said)
    if evaluation is not None:
        _tell_metrics(evaluation, output, said)
    unknown = unknown_values(tally).warnings(scorer.metadata.usual())
    notes = [f"note: {one}" for one in scorer.notes(options.heads)]
    for warning in [*batches.other_types.warnings(), *unknown, *notes]:
        print(warning, file=sys.stderr)
    line = last_line(tally, before, time.monotonic() - started, options.output)
    print(line + cells.line(), file=said)


def _opener(to: Path, batches: Batches, cells: CsvCells, *, long: bool) -> Opener:
    """Opens a file for scored rows, in wide form or in the long one."""
    wide = partial(opened, to, cells=cells)
    further = [name for one in batches.further for name in one.schema().names]
    heads = batches.scorer.heads(batches.heads)
    return partial(opened_long, wide, [*batches.beside, *further], heads) if long else wide


def _batches(files: Sequence[str], options: argparse.Namespace) -> Batches:
    """What the options ask for. Raises Failure 2 for what the model or the files cannot give."""
    scorer = Scorer(
        options.model,
        labels_only=options.labels_only,
        workers=options.workers,
        coverage=options.coverage,
        min_score=options.min_score,
        answers=options.answers,
    )
    metadata, heads, csv = scorer.metadata, scorer.heads(options.heads), csv_of(options)
    evaluation = None
    if options.evaluate or options.slices or options.slice or options.groups:
        workers, weight = options.workers, metadata.weight
        evaluation = evaluation_of(
            *(options.model, heads, weight, files),
            csv=csv,
            workers=workers,
            groups=options.groups,
            slices=options.slice,
            find=options.slices,
            coverage=options.coverage,
        )
    by_side = BySide(metadata, options.side, shown=options.with_side)
    if by_side.needs_names and STREAM in options.input:
        rule = "the files' names decide the side of a row, and standard input has none"
        raise Failure(Exit.USAGE, rule)
    if options.flag_unknown is not None and options.output == STREAM:
        rule = "--flag-unknown writes two files, and standard output is one"
        raise Failure(Exit.USAGE, rule)
    limits = limits_from(options, heads)
    candidates = scorer.candidates(limits)
    for line in candidates.unknown if candidates else []:
        print(line, file=sys.stderr)
    return Batches(
        scorer,
        options.top_k,
        options.heads,
        list(dict.fromkeys([*metadata.keys, *options.keep])),
        by_side,
        csv,
        OtherTypes(metadata.fields),
        evaluation,
        candidates,
        asked(options).made(scorer, options.heads),
    )


def _what(batches: Batches, options: argparse.Namespace) -> list[object]:
    """What of the options the scored rows depend on."""
    uses_int8 = batches.scorer.uses_int8(batches.heads)
    is_drift = options.drift or options.fail_on_drift
    answers = [options.coverage, options.min_score, options.answers]
    what = [answers, batches.top_k, batches.schema().names, uses_int8, batches.beside]
    limits = limits_from(options, batches.scorer.heads(batches.heads))
    of_heads = {name: asdict(limit) for name, limit in limits.items()}
    further = [one.depends_on() for one in batches.further]
    return [*what, is_drift, options.side, batches.csv.arguments(), of_heads, *further]


def _tell_drift(
    parts: FinishedParts,
    output: Path,
    options: argparse.Namespace,
    said: TextIO,
    metadata: Metadata,
) -> None:
    """Writes how far the rows are from the training rows, where that was counted."""
    tally, seen, path = parts.total(), parts.seen(), beside(output, ".drift.json")
    if seen is None or not tally.scored:
        path.unlink(missing_ok=True)
        return
    distances = [*seen.distances(), *drift.of_memories(unknown_values(tally), metadata)]
    found = Drift(tally.scored, distances, limits(options), drift.later_inputs(metadata))
    # Where it fails the parts stay: the same command with --drift alone publishes them.
    drift.tell(found, path, said, fail=options.fail_on_drift)


def _tell_metrics(evaluation: Evaluation, output: Path, said: TextIO) -> None:
    found = evaluation.content()
    write_text(beside(output, ".metrics.json"), json.dumps(found, indent=2) + "\n")
    slices = [line for sums in evaluation.sums.values() for line in slice_lines(sums)]
    labels = {name: sums.head.entries for name, sums in evaluation.sums.items()}
    lines = [*metric_lines(found, labels), evaluation.over(), *slices, *evaluation.unknown_lines()]
    print("\n".join(lines), file=said)


if __name__ == "__main__":
    main(run)
