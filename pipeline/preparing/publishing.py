"""The last step of prepare: what the workers made becomes one folder, with its manifest last.

It runs on a worker, so that whoever started the pipeline need not wait. Fragments and what was
learned are put together on that worker's disk. On a file system the finished folder takes its place
by one rename. Objects have no rename: there a run claims the place, and gives up where another has
changed it since the run began; the old folder goes, manifest first, the files come, and the
manifest comes last.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet

from pipeline import manifest
from pipeline import spec as specs
from pipeline.console.import_noise import tensorflow
from pipeline.distributions import Distribution
from pipeline.distributions.distances import MEASURES, THRESHOLD, Drift, between
from pipeline.failures import Exit, Failure
from pipeline.fields import Fields, later_inputs
from pipeline.folders.data import DataFolder
from pipeline.folders.prepared import Statistics
from pipeline.preparing import (
    averages,
    examples,
    label_files,
    leaks,
    learning,
    memories,
    reading,
    starts,
)
from pipeline.preparing.anomalies import anomalies, warning
from pipeline.preparing.beyond_train import beyond_train
from pipeline.preparing.example_counts import by_file, rows_by_side, statistics
from pipeline.preparing.reports import Fragment, Key, Report, Tallies, join
from pipeline.preparing.split_sides import check_times, check_values, times_by_side
from pipeline.preparing.time_leaks import time_leaks
from pipeline.rows.csv_dialect import AS_FOUND, Csv
from pipeline.sides import SIDES
from pipeline.sides.origins import place as place_of
from pipeline.storage import stores

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
    shards: int | None
    max_bad_fraction: float
    made_from: str
    before: str | None = None
    earlier: Mapping[str, Distribution] | None = None
    fail_on_drift: bool = False
    csv: Csv = AS_FOUND


def publish(
    report: Report,
    learned: learning.Learned,
    result: Result,
    known: reading.Known | None = None,
) -> str:
    """Puts the folder together and in its place; gives its path. `known` is what the split needed
    to know of all rows.

    Raises Failure: 2 for a value or time of the split that no row has, 4 for too many bad rows, no
    rows, none to train on, an empty vocabulary or drift that is to fail, 5 for features that are
    not those of the transform graph.
    """
    # Only whoever publishes needs tf.Transform, and with it TensorFlow.
    tensorflow()
    from pipeline.preparing import proof, transform_graph

    with reading.as_message(), _staging(result) as folder:
        _keep_rejected(report.fragments, folder)
        _check_rows(report, result, folder.rejected)
        _gather(report, examples.shard_counts(result.shards, learned.rows), folder)
        result = replace(result, spec=result.spec.split_at(_begins(result.spec, known)))
        said = _write_what_was_learned(report, learned, result, folder)
        transform_graph.write(learned, result.spec, result.fields, folder.transform)
        if report.hard is None:
            raise Failure(Exit.FAULT, "the rows to prove the features on were lost")
        place = partial(place_of, paths=result.paths)
        fields = result.fields.read_as({n: known.reading for n, known in learned.known.items()})
        proof.prove(report.hard, fields, folder.transform, said.numbers, place)
        _put_in_place(folder.path, result, _facts(result.spec, said))
    return result.output


def _begins(spec: specs.Spec, known: reading.Known | None) -> tuple[str, ...]:
    """The times with which the held-out sides of a split by time begin."""
    return replace(reading.asked_split(spec.split), **(known or {})).begins


@contextmanager
def _staging(result: Result) -> Iterator[DataFolder]:
    """Where the folder is put together: beside its place, or on this worker for a store."""
    if not stores.is_object(result.output):
        yield DataFolder(manifest.staging(Path(result.output)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = manifest.staging(Path(scratch, DataFolder.STAGE))
        folder.mkdir()
        yield DataFolder(folder)


def _put_in_place(folder: Path, result: Result, facts: dict[str, Any]) -> None:
    if not stores.is_object(result.output):
        shutil.rmtree(result.work)
        DataFolder(Path(result.output)).publish(result.made_from, facts)
        return
    done = folder.with_name(DataFolder.STAGE)
    said = DataFolder(done).publish(result.made_from, facts)
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


def _gather(report: Report, shards: Mapping[str, int], folder: DataFolder) -> None:
    """The examples of each side, and some rows that were held out."""
    for side in SIDES:
        own = [fragment for fragment in report.fragments if fragment.folder == side]
        examples.gathered(own, folder.shards(side, shards[side]))
    held_out = next(side for side in ("test", "eval", "train") if side in report.samples)
    pyarrow.parquet.write_table(report.samples[held_out].rows, folder.samples)


def _keep_rejected(fragments: Sequence[Fragment], folder: DataFolder) -> None:
    """A file of rejected rows for each input file that has some."""
    folder.rejected.mkdir()
    by_input: dict[int, list[Fragment]] = {}
    for fragment in sorted(fragments):
        if fragment.folder == reading.REJECTED:
            by_input.setdefault(fragment.shard, []).append(fragment)
    for own, path in zip(by_input.values(), folder.rejected_parts(len(by_input)), strict=True):
        join(own, path)


def _check_rows(report: Report, result: Result, rejected: Path) -> None:
    counts = report.counts
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
    listed = Counter({key[1]: count for key, count in counts.items() if key[0] == "split"})
    check_values(result.spec.split, listed, report.split_values)
    check_times(result.spec.split, report.times)
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
    report: Report, learned: learning.Learned, result: Result, folder: DataFolder
) -> Statistics:
    """The spec, vocabularies, counts of labels, memories and statistics, which it gives."""
    # With the readings: whoever reads rows for this spec reads them so.
    folder.write_spec(result.spec.read_as(learned.readings))
    found = _vocabularies(result.spec, report.counts, learned, folder)
    labels = _labels(result.spec, report.labels, learned, folder)
    paths = list(result.paths)
    said = statistics(report.counts, paths, result.spec, learning.statistics_of(learned))
    leaked = leaks.leaks(report.sketches, lambda origin: place_of(origin, paths))
    shares = {name: _label_shares(counts) for name, counts in labels.items()}
    sizes = {name: len(entries.values) for name, entries in learned.entries.items()}
    remembered = memories.write(report.memories, result.spec, folder, sizes)
    shares_known = partial(memories.known_shares, report.memories)
    averaged = averages.write(report.averages, result.spec, folder, shares_known)
    for name, of_heads in averaged.items():
        remembered[name] = remembered.get(name, {}) | of_heads
    said = replace(said, leaks=leaked, labels=shares, memory=remembered)
    said = replace(said, times=times_by_side(report.times))
    said = replace(said, vectors=starts.write(result.spec, folder))
    said = replace(said, label_features=label_files.write(result.spec, folder))
    warnings = anomalies(result.spec, said, found | labels)
    late = time_leaks(result.spec, result.fields, report.samples, report.split_values)
    beyond = beyond_train(result.spec, result.fields, report.samples)
    warnings += [warning(of, anomaly) for of, anomaly in (*late, *beyond)]
    said = replace(said, warnings=warnings)
    if result.earlier is not None:
        later = later_inputs(result.spec)
        said = _compared(said, result.earlier, later, fail=result.fail_on_drift)
    folder.write_statistics(said)
    return said


def _vocabularies(
    spec: specs.Spec, counts: Counter[Key], learned: learning.Learned, folder: DataFolder
) -> dict[str, list[int]]:
    """Writes each vocabulary, and gives its counts for each input that uses it.

    Raises Failure 4 for a vocabulary without entries.
    """
    found: dict[str, list[int]] = {}
    users = spec.vocabulary_of()
    for name, said in spec.all_vocabularies().items():
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
        folder.write_vocabulary(name, zip(values, counted, strict=True))
        found |= {user: counted for user, own in users.items() if own == name}
    return found


def _labels(
    spec: specs.Spec, counts: dict[str, Tallies], learned: learning.Learned, folder: DataFolder
) -> dict[str, list[int]]:
    """Writes how often each label of a head is one, in the order of the ids, and gives it."""
    found = {}
    for name, labels in spec.labels().items():
        values = learned.entries[labels.vocabulary].values.to_pylist()
        found[name] = counts[name].tolist()
        folder.write_labels(name, zip(values, found[name], strict=True))
    return found


def _label_shares(counts: Sequence[int]) -> dict[str, int]:
    return {
        "entries": len(counts),
        "never": counts.count(0),
        "once": counts.count(1),
        "times": sum(counts),
    }


def _columns(spec: specs.Spec, vocabulary: str) -> list[str]:
    """The columns whose values a vocabulary counts."""
    columns = {n: columns[0] for n in spec.inputs if (columns := spec.input_columns(n))}
    columns |= {n: " and ".join(pairs.of) for n, pairs in spec.pairs().items()}
    columns |= {n: spec.head_column(n) for n in spec.heads}
    return [columns[name] for name in spec.counted(vocabulary)]


def _compared(
    said: Statistics, earlier: Mapping[str, Distribution], later: Sequence[str], *, fail: bool
) -> Statistics:
    """With the distances from earlier rows, and the warnings about them."""
    distances = list(between(earlier, said.distributions))
    limits = dict.fromkeys(MEASURES, THRESHOLD)
    found = Drift(said.rows["train"], distances, limits, later)
    if fail:
        found.fail()
    warnings = [*said.warnings, *found.warnings]
    return replace(said, drift=found.content()["distances"], warnings=warnings)


def _facts(spec: specs.Spec, said: Statistics) -> dict[str, Any]:
    return {
        "examples": {side: said.rows[side] for side in SIDES},
        "spec": spec.preparation_hash(),
        "versions": {package: version(package) for package in PACKAGES},
    }
