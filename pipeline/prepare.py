"""Raw rows to vocabularies, TFRecords and the transform graph.

    python -m pipeline.prepare --infer FILES > spec.yaml
    python -m pipeline.prepare --spec spec.yaml --input FILES --output OUT/data

Reads the rows twice, once to learn from the training side and once to write, so that memory does
not grow with them. The folder that comes out is described in the README; it is published by its
manifest, or not at all.
"""

import argparse
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import drift, infer, manifest, rows, vocabulary
from pipeline import spec as specs
from pipeline.anomalies import anomalies
from pipeline.failures import Exit, Failure, main
from pipeline.fields import Fields, fields_of
from pipeline.quiet import quiet_import
from pipeline.sides import SIDES
from pipeline.spec_file import read_spec
from pipeline.statistics import Counts, by_file, features_of, rows_by_side, statistics
from pipeline.summary import summary, warned

STAGE = "data"
WORK, TEMP, REJECTED = "work", "temp", "rejected"
log = logging.getLogger("pipeline.prepare")


def run(argv: Sequence[str]) -> None:
    args, beam_args = _arguments(argv)
    if args.infer:
        print(infer.spec_for(rows.expand(args.infer)), end="")
        return
    _log_to_stderr()
    spec = read_spec(args.spec)
    prepare(
        spec,
        rows.expand(args.input),
        args.output,
        max_bad_fraction=args.max_bad_fraction,
        shards=args.shards,
        force=args.force,
        extend=args.extend,
        cache=args.cache,
        compare=args.compare,
        fail_on_drift=args.fail_on_drift,
        beam_args=beam_args,
    )


def prepare(
    spec: specs.Spec,
    paths: Sequence[str],
    output: Path,
    *,
    max_bad_fraction: float = 0.01,
    shards: int = 4,
    force: bool = False,
    extend: Path | None = None,
    cache: Path | None = None,
    compare: Path | None = None,
    fail_on_drift: bool = False,
    beam_args: Sequence[str] = (),
) -> None:
    """Prepares the rows of `paths` and publishes the result as the folder `output`.

    The values in the vocabularies of `extend`, a folder made before, keep their ids. The folder
    `cache` keeps what is found in each file, so that it is not analysed again. Distances from the
    training rows of `compare`, a folder made before, are in statistics.json.

    Raises Failure: 2 for missing columns or Beam options that do not exist, 3 where `output` is
    taken, 4 for too many bad rows, no rows, none to train on, an empty vocabulary or drift that is
    to fail, 5 for a damaged file.
    """
    fields = fields_of(spec)
    _check_columns(paths, fields)
    with manifest.lock(output):
        first = {} if extend is None else vocabulary.read_all(extend)
        settings = [f"{max_bad_fraction} {shards} {compare}", json.dumps(first)]
        contents = {path: manifest.file_sha256(Path(path)) for path in paths}
        made_from = _made_from(spec, contents, settings)
        if manifest.is_done(output, stage=STAGE, made_from=made_from, force=force):
            log.info("prepare: %s is there already, made from the same; skipped", output)
            return
        work = manifest.fresh_staging(output)
        try:
            _prepare(
                spec,
                fields,
                contents,
                output,
                shards,
                max_bad_fraction,
                first,
                cache,
                beam_args,
            )
            if compare is not None:
                _compare(work, compare, fail_on_drift)
            facts = _facts(spec, work)
            manifest.publish(output, stage=STAGE, made_from=made_from, facts=facts)
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise
    log.info("prepare: wrote %s", output)


def _prepare(
    spec: specs.Spec,
    fields: Fields,
    contents: dict[str, str],
    output: Path,
    shards: int,
    max_bad_fraction: float,
    first: dict[str, vocabulary.Vocabulary],
    cache: Path | None,
    beam_args: Sequence[str],
) -> None:
    # Reading rows has no use for a GPU.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    # Beam and tf.Transform take seconds to import; a finished stage does without them.
    with quiet_import():
        from pipeline import analysis_cache, examples, graph, reports

    folder, paths = manifest.staging(output), list(contents)
    (folder / WORK).mkdir()
    values = {name: list(entries) for name, entries in first.items()}
    known = None
    if cache is not None:
        made_for = [spec.preparation_hash(), *_code()]
        known = analysis_cache.opened(cache, contents, spec.split, made_for)
    graph.run(spec, fields, paths, folder, shards, values, beam_args, known)
    counts, pieces, samples = reports.load(folder / WORK)
    _keep_rejected([piece for piece in pieces if piece.folder == REJECTED], folder / REJECTED)
    _check_rows(counts, paths, max_bad_fraction, folder / REJECTED, output)
    for side in SIDES:
        names = [f"part-{i:05d}-of-{shards:05d}.tfrecord.gz" for i in range(shards)]
        own = [piece for piece in pieces if piece.folder == side]
        examples.gathered(own, folder / "examples" / side, names)
    _write_what_was_learned(spec, counts, paths, folder)
    held_out = next(samples[side] for side in ("test", "eval", "train") if side in samples)
    held_out.rename(folder / "samples.parquet")
    shutil.rmtree(folder / WORK)
    shutil.rmtree(folder / TEMP, ignore_errors=True)


def _write_what_was_learned(
    spec: specs.Spec, counts: Counts, paths: Sequence[str], folder: Path
) -> None:
    """spec.json, vocabulary/ and statistics.json."""
    manifest.write_text(folder / "spec.json", spec.to_json())
    _vocabularies(spec, counts, folder)
    learned = json.loads((folder / WORK / "learned.json").read_text(encoding="utf-8"))
    said = statistics(counts, list(paths), features_of(spec), learned)
    said["warnings"] = anomalies(spec, said, _entry_counts(spec, folder))
    manifest.write_text(folder / "statistics.json", json.dumps(said, indent=2) + "\n")
    for line in summary(said):
        log.info("%s", line)


def _compare(work: Path, earlier: Path, fail_on_drift: bool) -> None:
    """Adds the distances from an earlier folder, and the warnings about them."""
    path = work / "statistics.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    old = drift.distributions(earlier)
    found = list(drift.between(old, said["distributions"]))
    warnings = drift.above(found, {one.measure: drift.THRESHOLD for one in found})
    said["drift"] = [asdict(one) for one in found]
    said["warnings"] += warnings
    manifest.write_text(path, json.dumps(said, indent=2) + "\n")
    for line in warned(warnings):
        log.warning("%s", line)
    if fail_on_drift:
        drift.fail_on(warnings)


def _arguments(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        "python -m pipeline.prepare",
        description="Raw rows to vocabularies, TFRecords and the transform graph.",
        epilog="Example: python -m pipeline.prepare --spec spec.yaml --input 'rows/*.csv' --output "
        "OUT/data. Other options go to Beam, for example --runner or --direct_num_workers.",
        allow_abbrev=False,
    )
    parser.add_argument("--infer", nargs="+", metavar="FILES", help="print a first spec, and end")
    parser.add_argument("--spec", type=Path)
    parser.add_argument("--input", nargs="+", metavar="FILES", help="paths or globs")
    parser.add_argument("--output", type=Path, help="the folder to publish")
    parser.add_argument("--max-bad-fraction", type=_fraction, default=0.01, metavar="SHARE")
    parser.add_argument("--shards", type=_count, default=4, help="files for each side")
    parser.add_argument(
        "--extend", type=Path, metavar="DATA", help="a folder whose vocabularies keep their ids"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="keeps what is found in each file"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="DATA", help="a folder from whose rows these may not drift"
    )
    parser.add_argument("--fail-on-drift", action="store_true", help="exit code 4 where they do")
    parser.add_argument("--force", action="store_true", help="replace what is there")
    args, beam_args = parser.parse_known_args(argv)
    if not args.infer and not (args.spec and args.input and args.output):
        parser.error("--spec, --input and --output are needed, or --infer")
    return args, beam_args


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"must be from 1 to 10000, not {text}")
    return value


def _log_to_stderr() -> None:
    """Our lines as they are, and of the libraries only what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    ours = logging.getLogger("pipeline")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.INFO)


def _check_columns(paths: Sequence[str], fields: Fields) -> None:
    extra: dict[str, None] = {}
    for path in paths:
        extra.update(dict.fromkeys(rows.check_columns(path, fields.columns())))
    if extra:
        log.info("prepare: columns that the spec does not name: %s", ", ".join(list(extra)[:50]))


def _made_from(spec: specs.Spec, contents: dict[str, str], settings: Sequence[str]) -> str:
    inputs = [f"{path} {sha256}" for path, sha256 in contents.items()]
    return manifest.combined_hash([spec.preparation_hash(), *_code(), *settings, *inputs])


def _code() -> list[str]:
    return [manifest.code_hash("pipeline"), *_versions().values()]


def _versions() -> dict[str, str]:
    packages = ("tensorflow", "tensorflow-transform", "apache-beam", "pyarrow")
    return {package: version(package) for package in packages}


def _keep_rejected(pieces: Sequence[Any], folder: Path) -> None:
    folder.mkdir()
    for at, piece in enumerate(sorted(pieces)):
        Path(piece.path).rename(folder / f"part-{at:05d}-of-{len(pieces):05d}.jsonl")


def _check_rows(
    counts: Counts, paths: Sequence[str], max_bad_fraction: float, rejected: Path, output: Path
) -> None:
    for path, there in by_file(counts, list(paths)).items():
        if there["read"] != there["written"] + there["rejected"]:
            raise Failure(Exit.FAULT, f"rows were lost or doubled in {path}", received=there)
    total = rows_by_side(counts)
    if total["read"] == 0:
        raise Failure(
            Exit.BAD_ROWS, "the input must have rows", received=f"none in {len(paths)} files"
        )
    if total["rejected"] > max_bad_fraction * total["read"]:
        kept = output.with_name(f"{output.name}.rejected")
        shutil.rmtree(kept, ignore_errors=True)
        rejected.rename(kept)
        rule = f"at most {max_bad_fraction:.2%} of the rows may be bad (--max-bad-fraction)"
        share = f"{total['rejected']:,} of {total['read']:,} rows; they are in {kept}"
        raise Failure(Exit.BAD_ROWS, rule, received=share)
    if total["train"] == 0:
        rule = "the split must leave rows on the training side"
        raise Failure(Exit.BAD_ROWS, rule, received=f"none of {total['read']:,}")


def _vocabularies(spec: specs.Spec, counts: Counts, folder: Path) -> None:
    """Writes vocabulary/. Raises Failure 4 for a vocabulary without entries."""
    (folder / "vocabulary").mkdir()
    for name, said in spec.vocabularies.items():
        target = folder / "vocabulary" / f"{name}.jsonl"
        if said.values is None:
            (folder / WORK / f"{name}.jsonl").rename(target)
        else:
            pairs = [[v, counts["value", name, str(i)]] for i, v in enumerate(said.values)]
            lines = [json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs]
            target.write_text("".join(lines), encoding="utf-8")
        if not target.stat().st_size:
            rule = f"the vocabulary {name!r} must have a value that the training rows hold"
            raise Failure(Exit.BAD_ROWS, rule, received=f"min_count {said.min_count}")


def _entry_counts(spec: specs.Spec, folder: Path) -> dict[str, list[int]]:
    paths = {name: folder / vocabulary.FOLDER / f"{name}.jsonl" for name in spec.vocabularies}
    return {name: list(vocabulary.read(path).values()) for name, path in paths.items()}


def _facts(spec: specs.Spec, folder: Path) -> dict[str, Any]:
    said = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    return {
        "examples": {side: said["rows"][side] for side in SIDES},
        "spec": spec.preparation_hash(),
        "versions": _versions(),
    }


if __name__ == "__main__":
    main(run)
