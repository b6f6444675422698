"""The Beam graph of prepare, and the engine that runs it.

    files -> what is found in each -> learned from all -> transform graph
    files -> all rows ---------------> make features -> encode and write -> report

The rows are read twice because an in-memory engine would hold what two steps need one after the
other. Nothing is downloaded: the local engine is FnApiRunner by whatever name it is asked for.
"""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import absl.logging
import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import reading, reports, tensors
from pipeline import spec as specs
from pipeline.analysis_cache import Cache, FindInFiles
from pipeline.examples import MakeFeatures, WriteExamples
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
from pipeline.learning import Join, Learn, Learned, save
from pipeline.plan import plan_of
from pipeline.preprocessing import preprocessing_fn
from pipeline.statistics import features_of

LOCAL_RUNNERS = (None, "", "DirectRunner", "FnApiRunner", "direct", "fnapirunner", "directrunner")
log = logging.getLogger("pipeline.prepare")


def run(
    spec: specs.Spec,
    fields: Fields,
    paths: Sequence[str],
    folder: Path,
    shards: int,
    first: dict[str, list[str]],
    beam_args: Sequence[str],
    cache: Cache | None = None,
) -> None:
    """Writes transform/ and work/ into `folder` and waits until that is done.

    `first` has the values that keep the first ids of a vocabulary, `cache` what was found in files
    that were read before.
    """
    _quiet()
    runner, options = engine(beam_args)
    started = time.monotonic()
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            build(pipeline, spec, fields, paths, folder, shards, first, cache)
    except Exception as error:
        if failure := reading.failure_in(error):
            raise failure from None
        raise
    log.info("prepare: the engine ran for %.1f s", time.monotonic() - started)


def engine(beam_args: Sequence[str]) -> tuple[Any, PipelineOptions]:
    """The runner and its options. Raises Failure 2 for an option that Beam does not know."""
    options = PipelineOptions(list(beam_args))
    if unknown := _unknown(beam_args):
        raise Failure(Exit.USAGE, "every option must be ours or Beam's", received=unknown)
    name = options.view_as(StandardOptions).runner
    if str(name).lower().startswith("dataflow"):
        rule = "the engine's workers must share a file system with this process (docs/dataflow.md)"
        raise Failure(Exit.USAGE, rule, received=name)
    if name not in LOCAL_RUNNERS:
        log.info("prepare: engine %s of Apache Beam %s", name, beam.__version__)
        return name, options
    log.info("prepare: engine FnApiRunner of Apache Beam %s", beam.__version__)
    return FnApiRunner(), options


def build(
    pipeline: beam.Pipeline,
    spec: specs.Spec,
    fields: Fields,
    paths: Sequence[str],
    folder: Path,
    shards: int,
    first: dict[str, list[str]],
    cache: Cache | None,
) -> None:
    """Adds all steps to the pipeline."""
    work, learn = str(folder / "work"), Learn(plan_of(spec, fields, first))
    learned = (
        _files(pipeline, "Training", paths)
        | "FindInFiles" >> beam.ParDo(FindInFiles(paths, fields, spec.split, learn, cache))
        | "Join" >> beam.CombineGlobally(Join(learn))
        | "SaveLearned" >> beam.Map(save, spec, work)
    )
    rows = _files(pipeline, "All", paths) | "ReadRows" >> beam.ParDo(
        reading.ReadRows(paths, fields, spec.split, work)
    ).with_outputs(reading.REPORTS, main="rows")
    written = (
        rows["rows"]
        | "MakeFeatures"
        >> beam.ParDo(MakeFeatures(spec, fields), learned=beam.pvalue.AsSingleton(learned))
        | "Write"
        >> beam.ParDo(
            WriteExamples(paths, features_of(spec), work, shards),
            sizes=beam.pvalue.AsSingleton(learned | "Sizes" >> beam.Map(vocabulary_sizes)),
        )
    )
    _ = (
        (written, rows[reading.REPORTS])
        | "AllReports" >> beam.Flatten()
        | "Merge" >> beam.CombineGlobally(reports.merged)
        | "SaveReports" >> beam.Map(reports.save, work)
    )
    with tft_beam.Context(temp_dir=str(folder / "temp")):
        _ = (
            learned
            | "MakeTransformGraph" >> MakeTransformGraph(spec, fields)
            | "WriteTransform" >> tft_beam.WriteTransformFn(str(folder / "transform"))
        )


class MakeTransformGraph(beam.PTransform):
    """What was learned to the transform graph: the record of what is done to a row."""

    def __init__(self, spec: specs.Spec, fields: Fields) -> None:
        super().__init__()
        self._spec, self._config = spec, tensors.adapter_config(fields)

    def expand(self, learned: Any) -> Any:
        # The analyzers hand over what was learned, so tf.Transform need not see a row.
        no_rows = learned.pipeline | "NoRows" >> beam.Create([], reshuffle=False)
        analyze = tft_beam.AnalyzeDataset(preprocessing_fn(self._spec, learned))
        return (no_rows, self._config) | analyze


def vocabulary_sizes(learned: Learned) -> dict[str, int]:
    return {name: len(entries.values) for name, entries in learned.entries.items()}


def _files(pipeline: beam.Pipeline, label: str, paths: Sequence[str]) -> Any:
    return (
        pipeline
        | f"{label}Files" >> beam.Create(range(len(paths)), reshuffle=False)
        | f"Spread{label}Files" >> beam.Reshuffle()
    )


def _unknown(beam_args: Sequence[str]) -> list[str]:
    parser = beam.options.pipeline_options._BeamArgumentParser(allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return list(parser.parse_known_args(list(beam_args))[1])


def _quiet() -> None:
    absl.logging.set_verbosity(absl.logging.ERROR)
    for name in ("apache_beam", "tensorflow", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
