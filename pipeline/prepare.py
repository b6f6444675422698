"""Raw rows to vocabularies, TFRecords and the transform graph.

    python -m pipeline.prepare --infer FILES > spec.yaml
    python -m pipeline.prepare --spec spec.yaml --input FILES --output OUT/data

Reads the rows twice, once to learn from the training side and once to write, so that memory does
not grow with them. docs/preparing.md describes the folder that it makes, which is published by its
manifest or not at all.
"""

import argparse
import json
import logging
import math
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from pathlib import Path

from kinds.columns import Reading
from pipeline import drift, manifest, rows, vectors
from pipeline import spec as specs
from pipeline.code_hash import code_hash
from pipeline.console.import_noise import quiet_import
from pipeline.console.progress import duration
from pipeline.distributions.value_counts import given_entries, given_reading
from pipeline.failures import Exit, Failure, main
from pipeline.fields import Fields, fields_of, named
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import read_statistics
from pipeline.preparing import label_files, split_sides
from pipeline.preparing.inferring.wishes import add_wishes, wishes_of
from pipeline.preparing.summary import summary
from pipeline.preparing.window import Window, window_of, within
from pipeline.rows.csv_dialect import AS_FOUND, Csv, add_csv, csv_of
from pipeline.spec.file import add_set, read_spec
from pipeline.storage import stores
from pipeline.storage.full_disk import full_disk_explained

WORK = "work"
log = logging.getLogger("pipeline.prepare")


def run(argv: Sequence[str]) -> None:
    args, beam_args = _arguments(argv)
    if args.infer:
        from pipeline.preparing import infer

        print(infer.spec_for(rows.expand(args.infer), csv_of(args), wishes_of(args)), end="")
        return
    _log_to_stderr()
    spec = read_spec(args.spec, settings=args.set)
    if args.print_config:
        print(spec.to_json(), end="")
        return
    prepare(
        spec,
        rows.expand(args.input),
        args.output,
        max_bad_fraction=args.max_bad_fraction,
        shards=args.shards,
        force=args.force,
        extend=args.extend,
        keep_numbers=args.keep_numbers,
        window=args.window,
        cache=args.cache,
        compare=args.compare,
        fail_on_drift=args.fail_on_drift,
        csv=csv_of(args),
        beam_args=beam_args,
    )


def prepare(
    spec: specs.Spec,
    paths: Sequence[str],
    output: Path | str,
    *,
    max_bad_fraction: float = 0.01,
    shards: int | None = None,
    force: bool = False,
    extend: Path | None = None,
    keep_numbers: bool = False,
    window: Window | None = None,
    cache: Path | None = None,
    compare: Path | None = None,
    fail_on_drift: bool = False,
    csv: Csv = AS_FOUND,
    beam_args: Sequence[str] = (),
) -> None:
    """Prepares the rows of `paths` and publishes the result as the folder `output`.

    The values in the vocabularies of `extend`, a folder made before, keep their ids; with
    `keep_numbers` its means, deviations and boundaries are used as well. With a `window` only the
    files that reach into it are read. The folder
    `cache` keeps what is found in each file, so that it is not analysed again. Distances from the
    training rows of `compare`, a folder made before, are in the statistics.

    Raises Failure: 2 for missing columns, a split that names what does not occur or Beam options
    that do not exist, 3 where `output` is taken, 4 for too many bad rows, no rows, none to train
    on, an empty vocabulary or drift that is to fail, 5 for a damaged file.
    """
    started = time.monotonic()
    spec = spec if extend is None else spec.read_as(_readings(extend))
    _check_given(spec.vocabularies)
    fields, output = fields_of(spec), str(output)
    if window is not None:
        paths = within(paths, window, spec.split, fields, csv)
    _check_columns(paths, fields, csv)
    split_sides.check_split(spec.split, paths)
    _check_widths(spec)
    labels = label_files.labels(spec)
    with _lock(output):
        before_it = None if extend is None else DataFolder(extend).verified()
        first = {} if before_it is None else before_it.vocabularies()
        numbers = before_it.statistics.numbers if before_it and keep_numbers else {}
        earlier = None if compare is None else drift.distributions(compare)
        settings = [f"{max_bad_fraction} {shards} {compare}", json.dumps(first), *csv.arguments()]
        settings += [json.dumps(numbers)] if numbers else []
        settings += _fingerprints(spec)
        contents = {path: stores.fingerprint(path) for path in paths}
        made_from = _made_from(spec, contents, settings)
        before = _state(output)
        if _is_done(output, made_from, force):
            log.info("prepare: %s is there already, made from the same; skipped", output)
            return
        # Reading rows has no use for a GPU.
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        # Beam takes seconds to import; a finished stage does without it.
        with quiet_import():
            from pipeline.preparing import analysis_cache, beam_graph, choosing, publishing
            from pipeline.preparing.learning import Kept
        known = None
        if cache is not None:
            made_for = [spec.preparation_hash(), *_code(), *csv.arguments()]
            known = analysis_cache.opened(cache, contents, spec.split, made_for)
        if spec.memory == "auto":
            spec = choosing.chosen(spec, fields, paths, csv)
        kept = Kept(_with_labels(first, labels), numbers)
        with _work(output) as work:
            result = publishing.Result(
                *(spec, fields, paths, output, work, shards, max_bad_fraction, made_from),
                *(before, earlier, fail_on_drift, csv),
            )
            published = beam_graph.run(result, kept, beam_args, known)
    if published:
        _tell(output, time.monotonic() - started)


def _fingerprints(spec: specs.Spec) -> list[str]:
    """Of the files that the spec names."""
    of_labels = [stores.fingerprint(one.file) for one in spec.label_features.values()]
    return of_labels + vectors.fingerprints(list(spec.vector_files().values()))


def _with_labels(
    first: Mapping[str, Iterable[str]], labels: Mapping[str, Iterable[str]]
) -> dict[str, list[str]]:
    """The values that have ids already, by vocabulary, and then those of label files."""
    values = {name: list(entries) for name, entries in first.items()}
    for name, own in labels.items():
        values[name] = list(dict.fromkeys([*values.get(name, ()), *own]))
    return values


def _readings(data: Path) -> dict[str, Reading | None]:
    """How earlier data read cells: old ids go on only where that stays. Once all were words.

    Raises Failure: 2 where it is no such folder, 5 where it was changed since.
    """
    readings = DataFolder(data).verified().spec.readings()
    return {name: reading or "words" for name, reading in readings.items()}


def _check_given(vocabularies: Mapping[str, specs.Vocabulary]) -> None:
    """Raises Failure 2 where two values that a spec gives are read as one."""
    for name, said in vocabularies.items():
        if said.values is not None:
            read = given_entries(said.values, said.reading or given_reading(said.values)).values
            if len(read.unique()) < len(said.values):
                rule = f"vocabularies.{name}.values must not repeat a value: read as values they do"
                raise Failure(Exit.USAGE, rule, received=said.values)


def _check_widths(spec: specs.Spec) -> None:
    """Raises Failure 2 where the vectors that a table starts with have another width."""
    for name, lookup in spec.starts().items():
        path = spec.vector_files()[name]
        width = vectors.width(path)
        if width != lookup.width:
            rule = f"the `embedding` of inputs with the table {name!r} must be {width}, "
            rule += f"as wide as the vectors of {path}"
            raise Failure(Exit.USAGE, rule, received=lookup.width)


@contextmanager
def _work(output: str) -> Iterator[str]:
    """Where the workers put their fragments. A failed run leaves nothing of it on this machine."""
    if stores.is_object(output):
        yield f"{output.rstrip('/')}.staging-{uuid.uuid4().hex}"
        return
    folder = manifest.fresh_staging(Path(output))
    (folder / WORK).mkdir()
    try:
        with full_disk_explained(Path(output)):
            yield str(folder / WORK)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _lock(output: str) -> AbstractContextManager[None]:
    """One run at a time writes to a folder of this machine; in a store one at a time publishes."""
    if not stores.is_object(output):
        return manifest.lock(Path(output))
    stores.check_unclaimed(output)
    return nullcontext()


def _state(output: str) -> str | None:
    """The state of the manifest in a store; a folder of this machine is locked instead."""
    path = stores.under(output, manifest.MANIFEST)
    return stores.state(path) if stores.is_object(output) else None


def _is_done(output: str, made_from: str, force: bool) -> bool:
    if not stores.is_object(output):
        return DataFolder(Path(output)).is_done(made_from, force=force)
    path = stores.under(output, manifest.MANIFEST)
    if force or not stores.exists(path):
        return False
    with stores.reader(path) as file:
        found = json.load(file)
    manifest.check_same(found.get("made_from"), made_from, output)
    return True


def _tell(output: str, seconds: float) -> None:
    for line in summary(read_statistics(output)):
        log.info("%s", line)
    log.info("prepare: wrote %s in %s", output, duration(seconds))


def _arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        "python -m pipeline.prepare",
        usage="%(prog)s (--infer FILES | --spec FILE --input FILES --output OUT) ...",
        description="Raw rows to vocabularies, TFRecords and the transform graph.",
        epilog="Example: python -m pipeline.prepare --spec spec.yaml --input 'rows/*.csv' --output "
        "OUT/data. Other options go to Beam, for example --runner or --direct_num_workers.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--infer", action="extend", nargs="+", metavar="F", help="print a first spec, and end"
    )
    add_wishes(parser)
    parser.add_argument("--spec", metavar="FILE", help="a YAML file, here or at gs:// or s3://")
    add_set(parser)
    said = "paths or globs, here or at gs://, s3:// or bigquery://"
    parser.add_argument("--input", action="extend", nargs="+", metavar="F", help=said)
    add_csv(parser)
    parser.add_argument("--output", help="the folder to publish, here or at gs:// or s3://")
    said = "share of bad rows to tolerate (0.01)"
    parser.add_argument("--max-bad-fraction", type=_fraction, default=0.01, metavar="S", help=said)
    said = "files of each side (4; of train by its rows)"
    parser.add_argument("--shards", type=_count, metavar="N", help=said)
    parser.add_argument(
        "--extend", type=Path, metavar="DATA", help="a folder whose vocabularies keep their ids"
    )
    parser.add_argument(
        "--keep-numbers", action="store_true", help="its means, deviations and boundaries stay, too"
    )
    said = "leave out files whose newest row is older, such as 90d, 12w or COLUMN=90d"
    parser.add_argument("--window", type=_window, metavar="W", help=said)
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="keeps what is found in each file"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="DATA", help="a folder from whose rows these may not drift"
    )
    parser.add_argument("--fail-on-drift", action="store_true", help="exit code 4 where they do")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    parser.add_argument(
        "--print-config", action="store_true", help="print the spec as it would be used, and end"
    )
    args, beam_args = parser.parse_known_args(argv)
    if not args.infer and not (args.spec and args.input and args.output):
        parser.error("--spec, --input and --output are needed, or --infer")
    if args.keep_numbers and args.extend is None:
        parser.error("--keep-numbers goes with --extend: it says what else stays")
    if wishes_of(args).any and not args.infer:
        parser.error("what is said about the rows goes with --infer: a spec says it itself")
    return args, beam_args


def _fraction(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1. Received: {text}")
    return value


def _window(text: str) -> Window:
    try:
        return window_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"must be an integer from 1 to 10000. Received: {text}")
    return int(text)


def _log_to_stderr() -> None:
    """Our lines as they are, and of the libraries only what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("pipeline")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.INFO)
    # Beam logs the traceback of an error and then raises it: whether it is shown is not its choice.
    for name in ("apache_beam.runners.common", "apache_beam.runners.worker.sdk_worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _check_columns(paths: Sequence[str], fields: Fields, csv: Csv) -> None:
    extra: dict[str, None] = {}
    # What a table has only the service knows; a column that is not there ends the run.
    files = [path for path in paths if not stores.is_table(path)]
    for path in files:
        extra.update(dict.fromkeys(rows.check_columns(path, fields.columns(), csv)))
    if len(files) == len(paths) and all(map(rows.is_loose, files)):
        # Any row may lack a column, but not all of all files.
        names = {name for path in files for name in rows.column_names(path, csv)}
        missing = [name for name in fields.columns() if name not in names]
        if missing and names not in (set(), {""}):
            rule = f"the rows must have the columns that the spec names; missing: {missing}"
            raise Failure(Exit.USAGE, rule, received=sorted(names)[:50])
    if extra:
        said = ", ".join(map(named, list(extra)[:50]))
        log.info("prepare: columns that the spec does not name: %s", said)


def _made_from(spec: specs.Spec, contents: dict[str, str], settings: Sequence[str]) -> str:
    inputs = [f"{path} {sha256}" for path, sha256 in contents.items()]
    return manifest.combined_hash([spec.preparation_hash(), *_code(), *settings, *inputs])


def _code() -> list[str]:
    return [code_hash("pipeline.preparing.beam_graph"), *_versions().values()]


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "tensorflow-transform", "apache-beam", "pyarrow")
    return {package: version(package) for package in packages}


if __name__ == "__main__":
    main(run)
