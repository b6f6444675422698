"""The last step of prepare: what the workers made becomes one folder, with its manifest last.

It runs on a worker, so that whoever started the pipeline need not wait. Fragments and what was
learned are put together on that worker's disk. On a file system the finished folder takes its place
by one rename. Objects have no rename: there a run claims the place, and gives up where another has
changed it since the run began; the old folder goes, manifest first, the files come, and the
manifest comes last.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet

from pipeline import (
    examples,
    leaks,
    learning,
    manifest,
    reading,
    stores,
    vocabulary,
)
from pipeline import spec as specs
from pipeline.anomalies import anomalies
from pipeline.distances import MEASURES, THRESHOLD, Drift, between
from pipeline.example_counts import by_file, rows_by_side, statistics
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields
from pipeline.quiet import tensorflow
from pipeline.reports import Fragment, Key, Report, join
from pipeline.sides import SIDES

STAGE, STATISTICS = "data", "statistics.json"
PACKAGES = ("tensorflow", "tensorflow-transform", "apache-beam", "pyarrow")


@dataclass(frozen=True)
class Result:
    """What is published, where, and under which conditions.

    `output` is the folder's path; `work` is where workers put their fragments, and is used up.
    `before` is the state of the manifest that the run found in a store, and may replace.
    `earlier` has the distributions from which these rows may not drift, if `fail_on_drift`.
    """

    spec: specs.Spec
    fields: Fields
    paths: Sequence[str]
    output: str
    work: str
    shards: int
    max_bad_fraction: float
    made_from: str
    before: str | None = None
    earlier: dict[str, Any] | None = None
    fail_on_drift: bool = False


def publish(report: Report, learned: learning.Learned, result: Result) -> str:
    """Puts the folder together and in its place; gives its path.

    Raises Failure: 4 for too many bad rows, no rows, none to train on, an empty vocabulary or drift
    that is to fail, 5 for features that are not those of the transform graph.
    """
    # Only whoever publishes needs tf.Transform, and with it TensorFlow.
    tensorflow()
    from pipeline import proof, transform_graph

    with reading.as_message(), _folder(result) as folder:
        _keep_rejected(report.fragments, folder / reading.REJECTED)
        _check_rows(report.counts, result, folder / reading.REJECTED)
        _gather(report, result.shards, folder)
        said = _write_what_was_learned(report, learned, result, folder)
        graph = folder / "transform"
        transform_graph.write(learned, result.spec, result.fields, graph)
        if report.hard is None:
            raise Failure(Exit.FAULT, "the rows to prove the features on were lost")
        place = partial(reading.place, paths=result.paths)
        proof.prove(report.hard, result.fields, graph, said["numbers"], place)
        _put_in_place(folder, result, _facts(result.spec, said))
    return result.output


@contextmanager
def _folder(result: Result) -> Iterator[Path]:
    """Where the folder is put together: beside its place, or on this worker for a store."""
    if not stores.is_object(result.output):
        yield manifest.staging(Path(result.output))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = manifest.staging(Path(scratch, STAGE))
        folder.mkdir()
        yield folder


def _put_in_place(folder: Path, result: Result, facts: dict[str, Any]) -> None:
    if not stores.is_object(result.output):
        shutil.rmtree(result.work)
        manifest.publish(Path(result.output), stage=STAGE, made_from=result.made_from, facts=facts)
        return
    done = folder.with_name(STAGE)
    said = manifest.publish(done, stage=STAGE, made_from=result.made_from, facts=facts)
    with stores.claimed(result.output, result.work.rpartition("-")[2]) as check_held:
        if stores.state(stores.under(result.output, manifest.MANIFEST)) != result.before:
            rule = f"{result.output} must be as it was when this run began"
            raise Failure(Exit.OCCUPIED, rule, received="what another run has published since")
        stores.delete_all(result.output)
        for name in said.files:
            stores.upload(done / name, stores.under(result.output, name))
        check_held()
        stores.upload(done / manifest.MANIFEST, stores.under(result.output, manifest.MANIFEST))
    stores.delete_all(result.work)


def _gather(report: Report, shards: int, folder: Path) -> None:
    """The examples of each side, and some rows that were held out."""
    for side in SIDES:
        names = [f"part-{i:05d}-of-{shards:05d}.tfrecord.gz" for i in range(shards)]
        own = [fragment for fragment in report.fragments if fragment.folder == side]
        examples.gathered(own, folder / "examples" / side, names)
    held_out = next(side for side in ("test", "eval", "train") if side in report.samples)
    pyarrow.parquet.write_table(report.samples[held_out].rows, folder / "samples.parquet")


def _keep_rejected(fragments: Sequence[Fragment], folder: Path) -> None:
    """A file of rejected rows for each input file that has some."""
    folder.mkdir()
    by_input: dict[int, list[Fragment]] = {}
    for fragment in sorted(fragments):
        if fragment.folder == reading.REJECTED:
            by_input.setdefault(fragment.shard, []).append(fragment)
    for at, own in enumerate(by_input.values()):
        join(own, folder / f"part-{at:05d}-of-{len(by_input):05d}.jsonl")


def _check_rows(counts: Counter[Key], result: Result, rejected: Path) -> None:
    for path, there in by_file(counts, list(result.paths)).items():
        if there["read"] != there["written"] + there["rejected"]:
            raise Failure(Exit.FAULT, f"rows were lost or doubled in {path}", received=there)
    total = rows_by_side(counts)
    if total["read"] == 0:
        received = f"none in {len(result.paths)} files"
        raise Failure(Exit.BAD_ROWS, "the input must have rows", received=received)
    if total["rejected"] > result.max_bad_fraction * total["read"]:
        kept = _kept(rejected, f"{result.output.rstrip('/')}.rejected")
        rule = f"at most {result.max_bad_fraction:.2%} of the rows may be bad (--max-bad-fraction)"
        reasons = {why: n for (kind, *_, why), n in counts.items() if kind == "reason"}
        commonest = max(reasons, key=lambda reason: reasons[reason])
        share = (
            f"{total['rejected']:,} of {total['read']:,} rows, "
            f"{reasons[commonest]:,} of them {commonest}; they are in {kept}"
        )
        raise Failure(Exit.BAD_ROWS, rule, received=share)
    if total["train"] == 0:
        rule = "the split must leave rows on the training side"
        raise Failure(Exit.BAD_ROWS, rule, received=f"none of {total['read']:,}")


def _kept(rejected: Path, kept: str) -> str:
    """Keeps the rejected rows of a run that publishes nothing."""
    if not stores.is_object(kept):
        shutil.rmtree(kept, ignore_errors=True)
        rejected.rename(kept)
        return kept
    stores.delete_all(kept)
    for path in sorted(rejected.iterdir()):
        stores.upload(path, stores.under(kept, path.name))
    return kept


def _write_what_was_learned(
    report: Report, learned: learning.Learned, result: Result, folder: Path
) -> dict[str, Any]:
    """spec.json, vocabulary/ and statistics.json, whose content it gives."""
    manifest.write_text(folder / "spec.json", result.spec.to_json())
    found = _vocabularies(result.spec, report.counts, learned, folder / vocabulary.FOLDER)
    paths = list(result.paths)
    said = statistics(report.counts, paths, result.spec, learning.told(learned))
    said["leaks"] = leaks.leaks(report.sketches, lambda origin: reading.place(origin, paths))
    said["warnings"] = anomalies(result.spec, said, found)
    if result.earlier is not None:
        said |= _compared(said, result.earlier, result.fail_on_drift)
    manifest.write_text(folder / STATISTICS, json.dumps(said, indent=2) + "\n")
    return said


def _vocabularies(
    spec: specs.Spec, counts: Counter[Key], learned: learning.Learned, folder: Path
) -> dict[str, list[int]]:
    """Writes JSON lines of [value, count], and gives the counts.

    Raises Failure 4 for a vocabulary without entries.
    """
    folder.mkdir()
    found = {}
    for name, said in spec.vocabularies.items():
        entries = learned.entries[name]
        values, counted = entries.values.to_pylist(), entries.counts.to_pylist()
        if said.values is not None:
            counted = [counts["value", name, str(at)] for at in range(len(values))]
        if not values:
            rule = f"the vocabulary {name!r} must have a value that the training rows hold"
            received = (
                f"none that occurs min_count={said.min_count} times in {_columns(spec, name)}"
            )
            raise Failure(Exit.BAD_ROWS, rule, received=received)
        pairs = zip(values, counted, strict=True)
        lines = [json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        found[name] = counted
    return found


def _columns(spec: specs.Spec, vocabulary: str) -> list[str]:
    """The columns whose values a vocabulary counts."""
    parts = {**spec.inputs, **spec.heads}
    return [parts[n].column or n for n, used in spec.vocabulary_of().items() if used == vocabulary]


def _compared(said: dict[str, Any], earlier: dict[str, Any], fail: bool) -> dict[str, Any]:
    """The distances from earlier rows, and all warnings with those about them."""
    distances = list(between(earlier, said["distributions"]))
    found = Drift(said["rows"]["train"], distances, dict.fromkeys(MEASURES, THRESHOLD))
    if fail:
        found.fail()
    warnings = said["warnings"] + found.warnings
    return {"drift": found.content()["distances"], "warnings": warnings}


def _facts(spec: specs.Spec, said: dict[str, Any]) -> dict[str, Any]:
    return {
        "examples": {side: said["rows"][side] for side in SIDES},
        "spec": spec.preparation_hash(),
        "versions": {package: version(package) for package in PACKAGES},
    }
