"""The Beam graph of prepare, and the engine that runs it.

    files -> training rows -> analyse -> transform graph
    files -> all rows ---------------------> transform -> encode and write -> report

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
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline import reading, reports, tensors
from pipeline import spec as specs
from pipeline.examples import WriteExamples
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
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
    beam_args: Sequence[str],
) -> None:
    """Writes transform/ and work/ into `folder` and waits until that is done."""
    _quiet()
    runner, options = engine(beam_args)
    started = time.monotonic()
    try:
        with beam.Pipeline(runner=runner, options=options) as pipeline:
            build(pipeline, spec, fields, paths, folder, shards)
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
) -> None:
    """Adds all steps to the pipeline."""
    config = tensors.adapter_config(fields)
    work = str(folder / "work")
    with tft_beam.Context(temp_dir=str(folder / "temp"), passthrough_keys={tensors.ORIGIN}):
        transform_fn = (
            _files(pipeline, "Training", paths)
            | "ReadTrainingRows" >> beam.ParDo(reading.ReadTrainingRows(paths, fields, spec.split))
            | "Analyze" >> Analyze(config, spec, work)
        )
        rows = _files(pipeline, "All", paths) | "ReadRows" >> beam.ParDo(
            reading.ReadRows(paths, fields, spec.split, work)
        ).with_outputs(reading.REPORTS, main="rows")
        transformed, _ = (
            (rows["rows"], config),
            transform_fn,
        ) | "Transform" >> tft_beam.TransformDataset(output_record_batches=True)
        written = transformed | "Write" >> beam.ParDo(
            WriteExamples(paths, features_of(spec), work, shards),
            sizes=beam.pvalue.AsSingleton(_sizes(transform_fn, spec, work)),
        )
        _ = transform_fn | "WriteTransform" >> tft_beam.WriteTransformFn(str(folder / "transform"))
    _ = (
        (written, rows[reading.REPORTS])
        | "AllReports" >> beam.Flatten()
        | "Merge" >> beam.CombineGlobally(reports.merged)
        | "Save" >> beam.Map(reports.save, work)
    )


class Analyze(beam.PTransform):
    """Batches of training rows to the transform graph."""

    def __init__(self, config: Any, spec: specs.Spec, folder: str) -> None:
        super().__init__()
        self._config, self._preprocess = config, preprocessing_fn(spec, folder)

    def expand(self, batches: Any) -> Any:
        return (batches, self._config) | tft_beam.AnalyzeDataset(self._preprocess)


def _files(pipeline: beam.Pipeline, label: str, paths: Sequence[str]) -> Any:
    return (
        pipeline
        | f"{label}Files" >> beam.Create(range(len(paths)), reshuffle=False)
        | f"Spread{label}Files" >> beam.Reshuffle()
    )


def _sizes(transform_fn: Any, spec: specs.Spec, folder: str) -> Any:
    """The number of entries of each vocabulary, once the transform graph is there."""
    graph, _ = transform_fn
    return graph | "VocabularySizes" >> beam.Map(vocabulary_sizes, spec, folder)


def vocabulary_sizes(_: str, spec: specs.Spec, folder: str) -> dict[str, int]:
    sizes = {}
    for name, vocabulary in spec.vocabularies.items():
        if vocabulary.values is not None:
            sizes[name] = len(vocabulary.values)
            continue
        with tf.io.gfile.GFile(str(Path(folder) / f"{name}.jsonl"), "rb") as file:
            sizes[name] = file.read().count(b"\n")
    return sizes


def _unknown(beam_args: Sequence[str]) -> list[str]:
    parser = beam.options.pipeline_options._BeamArgumentParser(allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return list(parser.parse_known_args(list(beam_args))[1])


def _quiet() -> None:
    absl.logging.set_verbosity(absl.logging.ERROR)
    for name in ("apache_beam", "tensorflow", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
