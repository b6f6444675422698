"""The Beam graph of prepare, and the engine that runs it.

    files -> what is found in each -> learned from all ------------+
    files -> all rows ---------------> make features -> write -----+-> prove, publish

Before both, a split that needs to know all rows reads its columns (pipeline.preparing.whole_split).
The rows are read twice because an in-memory engine would hold what two steps need one after the
other. Pairs of ids are counted in a reading of their own in between. Publishing is a step like
any other: whoever starts the pipeline need not wait for it.
Nothing is downloaded: the local engine is FnApiRunner by whatever name it is asked for.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import absl.logging
import apache_beam as beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import spec as specs
from pipeline.console import row_progress
from pipeline.failures import Exit, Failure
from pipeline.fields import analyses_of
from pipeline.preparing import leaks, pairs, reading, reports
from pipeline.preparing.analysis_cache import Cache, FindInFiles
from pipeline.preparing.examples import MakeFeatures, WriteExamples
from pipeline.preparing.learning import Join, Kept, Learn, Learned
from pipeline.preparing.lost_workers import no_worker_lost
from pipeline.preparing.publishing import Result, publish
from pipeline.preparing.whole_split import ReadSplitColumns, SeeAllRows
from pipeline.rows import bigquery
from pipeline.storage import stores

LOCAL_RUNNERS = (None, "", "DirectRunner", "FnApiRunner", "direct", "fnapirunner", "directrunner")
log = logging.getLogger("pipeline.prepare")


def run(
    result: Result,
    kept: Kept,
    beam_args: Sequence[str],
    cache: Cache | None = None,
) -> bool:
    """Publishes `result`. Whether it is there already: a cluster is not waited for.

    `kept` stays as it was in earlier data, `cache` has what was found in files that were read
    before.
    """
    _quiet()
    runner, options = engine(beam_args)
    is_cluster = str(runner).lower().startswith("dataflow")
    if is_cluster:
        starts = list(result.spec.vector_files().values())
        labels = [one.file for one in result.spec.label_features.values()]
        _check_shared([result.output, *result.paths, *starts, *labels])
    try:
        pipeline = beam.Pipeline(runner=runner, options=options)
    except ValueError as error:
        said = " ".join(str(error).split())
        raise Failure(Exit.USAGE, "the engine must have its options", received=said) from None
    started = time.monotonic()
    build(pipeline, result, kept, cache)
    if any(stores.is_table(path) for path in result.paths):
        bigquery.check_credentials()
    try:
        watched = nullcontext() if is_cluster else row_progress.shown(result.paths)
        with no_worker_lost(), watched:
            running = pipeline.run()
            if not is_cluster:
                running.wait_until_finish()
    except Exception as error:
        if failure := reading.failure_in(error):
            raise failure from None
        if said := _service_error(error):
            raise Failure(
                Exit.ENVIRONMENT, "Google's services must answer", received=said
            ) from None
        raise
    if is_cluster:
        log.info("prepare: %s is on its way; it publishes %s itself", _job(running), result.output)
        return False
    log.info("prepare: the engine ran for %.1f s", time.monotonic() - started)
    return True


def engine(beam_args: Sequence[str]) -> tuple[Any, PipelineOptions]:
    """The runner and its options. Raises Failure 2 for an option that Beam does not know."""
    options = PipelineOptions(list(beam_args))
    if unknown := _unknown(beam_args):
        raise Failure(Exit.USAGE, "every option must be ours or Beam's", received=unknown)
    name = options.view_as(StandardOptions).runner
    if name not in LOCAL_RUNNERS:
        log.info("prepare: engine %s of Apache Beam %s", name, beam.__version__)
        return name, options
    log.info("prepare: engine FnApiRunner of Apache Beam %s", beam.__version__)
    return FnApiRunner(), options


def build(pipeline: beam.Pipeline, result: Result, kept: Kept, cache: Cache | None) -> None:
    """Adds all steps to the pipeline."""
    spec, fields, paths, work = result.spec, result.fields, result.paths, result.work
    learn = Learn(analyses_of(spec, fields), spec.vocabularies, kept)
    known = _known_of_all_rows(pipeline, result)
    learned = (
        _rows(pipeline, "Training", result, _parts if cache is None else _files)
        | "FindInFiles"
        >> beam.ParDo(FindInFiles(paths, fields, spec.split, learn, cache, result.csv), known)
        | "Join" >> beam.CombineGlobally(Join(learn))
    )
    if spec.pairs():
        learned = _with_pairs(pipeline, result, kept, learned, known)
    reader = reading.ReadRows(
        *(paths, fields, spec.split, work),
        compared_keys=leaks.may_share_keys(spec),
        csv=result.csv,
    )
    rows = _rows(pipeline, "All", result, _parts) | "ReadRows" >> beam.ParDo(
        reader, known
    ).with_outputs(reading.REPORTS, main="rows")
    made = rows["rows"] | "MakeFeatures" >> beam.ParDo(
        MakeFeatures(spec, fields), learned=beam.pvalue.AsSingleton(learned)
    ).with_outputs(reading.REPORTS, main="features")
    written = made["features"] | "Write" >> beam.ParDo(
        WriteExamples(paths, spec, work, result.shards),
        sizes=beam.pvalue.AsSingleton(learned | "Sizes" >> beam.Map(vocabulary_sizes)),
        training_rows=beam.pvalue.AsSingleton(learned | "Rows" >> beam.Map(training_rows)),
    )
    _ = (
        (written, rows[reading.REPORTS], made[reading.REPORTS])
        | "AllReports" >> beam.Flatten()
        | "Merge" >> beam.CombineGlobally(reports.merged)
        | "Publish" >> beam.Map(publish, beam.pvalue.AsSingleton(learned), result, known)
    )


def _with_pairs(
    pipeline: beam.Pipeline, result: Result, kept: Kept, learned: Any, known: Any
) -> Any:
    """What was learned, with the pairs that the training rows hold: they are read once more."""
    spec, first = result.spec, kept.values
    return (
        _rows(pipeline, "Pairs", result, _parts)
        | "FindPairs"
        >> beam.ParDo(
            pairs.FindPairs(result.paths, result.fields, spec, result.csv),
            beam.pvalue.AsSingleton(learned),
            known,
        )
        | "JoinPairs" >> beam.CombineGlobally(pairs.JoinPairs(spec.pairs()))
        | "WithPairs" >> beam.Map(pairs.with_pairs, beam.pvalue.AsSingleton(learned), spec, first)
    )


def _known_of_all_rows(pipeline: beam.Pipeline, result: Result) -> Any:
    """What the split needs to know of all rows, as a side input; None where it needs nothing."""
    split, fields = result.spec.split, result.fields
    if not isinstance(split, specs.TimeSplit | specs.LastSplit):
        return None
    if not reading.asked_split(split).needs_all_rows:
        return None
    reader = ReadSplitColumns(result.paths, fields, split, result.csv)
    known = (
        _rows(pipeline, "Split", result, _parts)
        | "ReadSplitColumns" >> beam.ParDo(reader)
        | "SeeAllRows" >> beam.CombineGlobally(SeeAllRows(split))
    )
    return beam.pvalue.AsSingleton(known)


def vocabulary_sizes(learned: Learned) -> dict[str, int]:
    return {name: len(entries.values) for name, entries in learned.entries.items()}


def training_rows(learned: Learned) -> int:
    return learned.rows


def _rows(
    pipeline: beam.Pipeline,
    label: str,
    result: Result,
    of_files: Callable[..., Any],
) -> Any:
    """What there is to read of files, and what was read of tables."""
    paths, columns = result.paths, result.fields.columns()
    tables = [
        pipeline
        | f"{label}Table{at}" >> bigquery.source(path, columns)
        | f"{label}Batches{at}" >> bigquery.batches()
        | f"{label}Part{at}" >> beam.ParDo(reading.AsPart(at, path, columns))
        for at, path in enumerate(paths)
        if stores.is_table(path)
    ]
    return (of_files(pipeline, label, result), *tables) | f"{label}Parts" >> beam.Flatten()


def _files(pipeline: beam.Pipeline, label: str, result: Result) -> Any:
    """Whole files, shared out among the workers."""
    found = enumerate(result.paths)
    parts = [reading.FilePart(at) for at, path in found if not stores.is_table(path)]
    files = pipeline | f"{label}Files" >> beam.Create(parts, reshuffle=False)
    return _spread(files, f"Spread{label}Files")


def _parts(pipeline: beam.Pipeline, label: str, result: Result) -> Any:
    """Parts of files, shared out among the workers: a large file is not one worker's alone."""
    find = f"Find{label}Parts" >> beam.ParDo(reading.FindParts(result.paths, result.csv))
    return _spread(_files(pipeline, label, result) | find, f"Spread{label}Parts")


def _spread(parts: Any, label: str) -> Any:
    """Shared out, unless there is one worker: to describe it and to run it takes a third of the
    time that the engine needs for few rows."""
    pipeline = parts.pipeline
    workers = pipeline.options.view_as(DirectOptions).direct_num_workers
    is_alone = isinstance(pipeline.runner, FnApiRunner) and workers == 1
    return parts if is_alone else parts | label >> beam.Reshuffle()


def _check_shared(paths: Sequence[str]) -> None:
    """Raises Failure 2 for a path that the workers of a cluster would not find."""
    if lone := [p for p in paths if not (stores.is_object(p) or stores.is_table(p))]:
        rule = "rows, vectors, labels and output must be at gs:// or s3://, "
        rule += "where the engine's workers find them"
        raise Failure(Exit.USAGE, rule, received=lone[:5])


def _service_error(error: Exception) -> str:
    """What one of Google's libraries said, if that is why the pipeline ended."""
    kind = f"{type(error).__module__}.{type(error).__name__}"
    lines = [line.strip() for line in f"{kind}: {error}".splitlines()]
    return next((one for one in lines[::-1] if one.startswith(("google.", "apitools."))), "")


def _job(running: Any) -> str:
    """What a service calls a pipeline that it runs; a template is none yet."""
    return f"job {running.job_id()}" if running.has_job else "the template"


def _unknown(beam_args: Sequence[str]) -> list[str]:
    parser = beam.options.pipeline_options._BeamArgumentParser(allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return list(parser.parse_known_args(list(beam_args))[1])


def _quiet() -> None:
    absl.logging.set_verbosity(absl.logging.ERROR)
    for name in ("apache_beam", "tensorflow", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
