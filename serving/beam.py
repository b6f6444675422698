"""The scorer as a Beam pipeline, for more rows than one machine takes: `python -m serving.beam`.

    python -m serving.beam --model MODEL --input 'rows/*.parquet' --output out/scores [Beam options]

Reads all formats of serving.score, a file at a time; writes `out/scores-00000-of-00004.parquet`
and, for rows that do not fit, `out/scores.rejected-*.jsonl`. Each row has the result that
serving.score gives it; the rows of a batch stay together, but batches come in any order. Options
that are not ours are Beam's.
"""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.parquetio import WriteToParquetBatched
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from kinds.columns import Field, Rejected, carried, cast
from pipeline.failures import Exit, Failure, main
from pipeline.rows import expand
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of
from serving.files.other_types import Found, OtherTypes
from serving.files.sources import check_columns, column_types, read
from serving.further import Further, with_columns, with_schemas
from serving.model_file.candidates import Candidates, Limit
from serving.model_file.unknown import UnknownValues
from serving.scorer import Scorer
from serving.scoring.asked import NOTHING, Asked, add_further, asked
from serving.scoring.limits import add_limits, limits_from
from serving.scoring.options import add_answers, positive

READ_ROWS = 8192
LOCAL_RUNNERS = (None, "", "DirectRunner", "FnApiRunner", "direct")
REJECTED = "rejected"
_VALUES, _UNKNOWN, _ROWS, _OTHER_TYPES = "values", "unknown values", "rows", "other types"
SCORED = "scored"


@dataclass(frozen=True)
class TypedBatch:
    """One batch: rows as the model reads them, and the kept columns of the same rows."""

    typed: pa.RecordBatch
    carried: pa.RecordBatch


class ScorerHandler(ModelHandler[TypedBatch, pa.RecordBatch, Scorer]):
    """Loads a file once per process and gives it all inputs and all outputs. `answers` are settings
    of the Scorer.

    An element is a batch already, so Beam need not make batches of them.
    """

    def __init__(
        self,
        model: str,
        top_k: int | None = None,
        heads: Sequence[str] | None = None,
        candidates: Candidates | None = None,
        asked: Asked = NOTHING,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(min_batch_size=1, max_batch_size=1)
        self._model, self._top_k, self._heads, self._asked = model, top_k, heads, asked
        self._candidates, self._answers = candidates, dict(answers or {})
        # Made in each process: sessions of onnxruntime cannot be pickled.
        self._further: list[Further] | None = None

    def load_model(self) -> Scorer:
        return Scorer(self._model, **self._answers)

    def run_inference(
        self,
        batch: Sequence[TypedBatch],
        model: Scorer,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        if self._further is None:
            self._further = self._asked.made(model, self._heads)
        for rows in batch:
            seen = UnknownValues()
            what = self._top_k, self._heads, seen, self._candidates
            results = model.score_later(rows.typed, *what)()
            results = with_columns(results, rows.typed, self._further)
            _count(seen)
            columns = [*rows.carried.columns, *results.columns]
            schema = pa.schema([*rows.carried.schema, *results.schema])
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def get_num_bytes(self, batch: Sequence[TypedBatch]) -> int:
        # By default Beam pickles the rows to find out.
        return sum(rows.typed.nbytes for rows in batch)


class ReadRows(beam.DoFn):
    """A path -> its rows, typed, in batches; those that do not fit go to the output "rejected"."""

    def __init__(
        self,
        fields: Sequence[Field],
        columns: Sequence[str],
        kept: Sequence[str],
        csv: Csv,
        other_types: OtherTypes,
    ) -> None:
        self._fields, self._columns, self._kept = list(fields), list(columns), list(kept)
        self._csv, self._other_types = csv, other_types

    def process(self, path: str) -> Iterator[Any]:
        for raw in read(path, [*self._columns, *self._kept], READ_ROWS, self._csv):
            for found in self._other_types.see(path, raw.rows):
                Metrics.counter(_OTHER_TYPES, json.dumps(found)).inc()
            typed, good, unfit = cast(raw.rows, self._fields)
            numbers = raw.numbers()
            by_row = [Rejected(int(numbers[r.row]), r.column, r.reason, r.text) for r in unfit]
            for one in [*raw.broken, *by_row]:
                line = json.dumps({"file": path, **asdict(one)}, ensure_ascii=False)
                yield beam.pvalue.TaggedOutput(REJECTED, line)
            Metrics.counter(_ROWS, REJECTED).inc(len(raw.broken) + len(by_row))
            Metrics.counter(_ROWS, SCORED).inc(typed.num_rows)
            if typed.num_rows:
                yield TypedBatch(typed, carried(raw.rows.take(pa.array(good)).select(self._kept)))


class Score(beam.PTransform):
    """Paths of files -> (batches of scored rows, lines of JSON about those that do not fit)."""

    def __init__(
        self,
        model: str,
        kept: Sequence[str],
        top_k: int | None = None,
        heads: Sequence[str] | None = None,
        csv: Csv = AS_FOUND,
        limits: Mapping[str, Limit] = MappingProxyType({}),
        asked: Asked = NOTHING,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._csv = csv
        scorer = Scorer(model, workers=1)
        metadata, candidates = scorer.metadata, scorer.candidates(limits)
        self._kept = list(dict.fromkeys([*metadata.keys, *kept]))
        self._fields = [*metadata.fields, *(candidates.fields if candidates else [])]
        self._columns = list(dict.fromkeys(field.column for field in self._fields))
        self._other_types = OtherTypes(metadata.fields)
        self._handler = ScorerHandler(model, top_k, heads, candidates, asked, answers)

    # Beam warns of a hint that says two collections.
    def expand(self, paths: beam.PCollection) -> Any:
        read_rows = beam.ParDo(
            ReadRows(self._fields, self._columns, self._kept, self._csv, self._other_types)
        )
        rows = paths | "read and type" >> read_rows.with_outputs(REJECTED, main="rows")
        return rows["rows"] | "score" >> RunInference(self._handler), rows[REJECTED]


def run(arguments: Sequence[str]) -> None:
    """The command."""
    # What it warns of is its own affair: types, and files of rows that there are none of.
    for name in ("apache_beam", "root"):
        logging.getLogger(name).setLevel(logging.ERROR)
    options, beam_arguments = _parser().parse_known_args(arguments)
    files, csv = expand(options.input), csv_of(options)
    answers = {name: getattr(options, name) for name in ("coverage", "min_score", "answers")}
    scorer = Scorer(options.model, workers=1, **answers)
    kept = list(dict.fromkeys([*scorer.metadata.keys, *options.keep]))
    limits = limits_from(options, scorer.heads(options.heads))
    candidates = scorer.candidates(limits)
    for line in candidates.unknown if candidates else []:
        print(line, file=sys.stderr)
    of_limits = candidates.columns if candidates else []
    for file in files:
        check_columns(file, [*scorer.columns, *of_limits, *kept], csv)
    further = asked(options)
    results = with_schemas(scorer.schema(options.heads), further.made(scorer, options.heads))
    schema = pa.schema([*_types(files, kept, csv), *results])
    runner, engine = _engine(beam_arguments)
    with beam.Pipeline(runner=runner, options=engine) as pipeline:
        paths = pipeline | "files" >> beam.Create(files) | "spread" >> beam.Reshuffle()
        scored, rejected = paths | Score(
            options.model,
            options.keep,
            options.top_k,
            options.heads,
            csv,
            limits,
            further,
            answers,
        )
        _ = (
            scored
            | "in one type" >> beam.Map(_table, schema)
            | "write"
            >> WriteToParquetBatched(
                options.output,
                schema,
                "zstd",
                file_name_suffix=".parquet",
                num_shards=options.shards,
            )
        )
        _ = rejected | "write rejected" >> beam.io.WriteToText(
            f"{options.output}.{REJECTED}", file_name_suffix=".jsonl", skip_if_empty=True
        )
    seen, other_types = _counted(pipeline.result), OtherTypes(scorer.metadata.fields)
    other_types.add(
        sorted(Found(*json.loads(name)) for name in _counters(pipeline.result, _OTHER_TYPES))
    )
    notes = [f"note: {one}" for one in scorer.notes(options.heads)]
    unknown = seen.warnings(scorer.metadata.usual())
    for warning in [*other_types.warnings(), *unknown, *notes]:
        print(warning, file=sys.stderr)
    rows = _counters(pipeline.result, _ROWS)
    if rows[REJECTED] and not rows[SCORED]:
        rule = f"no row could be scored; {options.output}.{REJECTED}-* say why"
        raise Failure(Exit.BAD_ROWS, rule, received=f"{rows[REJECTED]:,} rejected")
    said = f"{rows[SCORED]:,} rows scored, {rows[REJECTED]:,} rejected: {options.output}"
    print("; ".join(part for part in (said, seen.said()) if part))


def _count(seen: UnknownValues) -> None:
    for namespace, counts in ((_VALUES, seen.values), (_UNKNOWN, seen.unknown)):
        for name, count in counts.items():
            Metrics.counter(namespace, name).inc(count)


def _counted(result: Any) -> UnknownValues:
    """What all workers counted, as far as the engine has it."""
    return UnknownValues(_counters(result, _VALUES), _counters(result, _UNKNOWN))


def _counters(result: Any, namespace: str) -> Counter[str]:
    found = Counter[str]()
    for one in result.metrics().query(MetricsFilter().with_namespace(namespace))["counters"]:
        found[one.key.metric.name] += one.result or 0
    return found


def _types(files: Sequence[str], kept: Sequence[str], csv: Csv) -> list[pa.Field]:
    """The kept columns as the first rows have them, or the first file where there are none."""
    for file in files:
        for raw in read(file, kept, READ_ROWS, csv):
            return list(carried(raw.rows.select(kept)).schema)
    return column_types(files[0], kept)


def _table(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches([batch]).cast(schema)


def _engine(arguments: Sequence[str]) -> tuple[Any, PipelineOptions]:
    """Locally always the same engine; DirectRunner would look for one on the network."""
    options = PipelineOptions(list(arguments))
    name = options.view_as(StandardOptions).runner
    return (FnApiRunner() if name in LOCAL_RUNNERS else name), options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.beam",
        usage="%(prog)s --model MODEL --input FILES --output START [options] [Beam options]",
        description=__doc__,
    )
    parser.add_argument("--model", required=True, help="model.onnx, its .sha256 beside it")
    parser.add_argument(
        "--input", required=True, action="extend", nargs="+", help="files or globs of rows"
    )
    parser.add_argument("--output", required=True, help="what the names of the files begin with")
    add_csv(parser)
    parser.add_argument("--top-k", type=positive, help="labels per head (default: the model's)")
    parser.add_argument(
        "--keep", action="extend", nargs="+", default=[], help="more columns to carry along"
    )
    parser.add_argument("--heads", action="extend", nargs="+", help="these heads only")
    add_answers(parser)
    add_limits(parser)
    add_further(parser)
    parser.add_argument("--shards", type=positive, default=4, help="files to write")
    return parser


if __name__ == "__main__":
    main(run)
