"""Fragments become shards: every record once, in a stated order, whatever else lies around."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from pipeline.preparing.examples import WriteExamples, gathered
from pipeline.preparing.reports import SAMPLES, Report, merged, sampled
from pipeline.preparing.split_sides import dealt
from pipeline.sides import SIDES
from pipeline.spec.file import parse_spec

SPEC = parse_spec(
    "{name: one, inputs: {x: {kind: number, missing: reject}}, heads: {y: {kind: binary}}, "
    "split: {by: hash, columns: [x]}}"
)
NAMES = ["part-0", "part-1", "part-2"]


def _origin(file: int, row: int, side: int) -> int:
    return file << 42 | row << 2 | side


def _batch(file: int, first: int, rows: int) -> tuple[pa.RecordBatch, Any]:
    """Rows 0 and 1 train, 2 is for eval, 3 for the test, 4 and 5 train, and so on."""
    numbers = range(first, first + rows)
    sides = [(0, 0, 1, 2)[row % 4] for row in numbers]
    features = {
        "x": pa.array([[float(row)] for row in numbers], pa.list_(pa.float32())),
        "y": pa.array([[1.0]] * rows, pa.list_(pa.float32())),
    }
    origin = [_origin(file, r, s) for r, s in zip(numbers, sides, strict=True)]
    return pa.RecordBatch.from_pydict(features), np.array(origin, np.int64)


def _bundle(work: Path, *batches: tuple[pa.RecordBatch, Any]) -> Report:
    writer = WriteExamples(["a.csv", "b.csv"], SPEC, str(work), len(NAMES))
    writer.setup()
    writer.start_bundle()
    for batch in batches:
        writer.process(batch, {})
    (report,) = writer.finish_bundle()
    found: Report = report.value
    return found


def _records(path: Path) -> list[float]:
    records = tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()
    examples = [tf.train.Example.FromString(record) for record in records]
    return [example.features.feature["x"].float_list.value[0] for example in examples]


def _all(folder: Path) -> list[float]:
    return [number for name in NAMES for number in _records(folder / name)]


def test_every_record_is_in_one_shard_of_its_side(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    _bundle(work, _batch(0, 0, 8))  # an attempt that did not count leaves its fragments behind
    reports = [_bundle(work, _batch(1, 8, 5)), _bundle(work, _batch(0, 0, 8))]
    report = merged(reports)
    for side in SIDES:
        own = [p for p in report.fragments if p.folder == side]
        gathered(own, [tmp_path / side / name for name in NAMES])
    shards = [_records(tmp_path / "train" / name) for name in NAMES]
    for name, shard in zip(NAMES, shards, strict=True):
        origins = [_origin(int(row >= 8), int(row), 0) for row in shard]
        assert dealt(np.array(origins, np.int64), 3).tolist() == [NAMES.index(name)] * len(shard)
        assert shard == sorted(shard)
    assert sorted(row for shard in shards for row in shard) == [0, 1, 4, 5, 8, 9, 12]
    assert sorted(_all(tmp_path / "eval")) == [2, 6, 10]
    assert sorted(_all(tmp_path / "test")) == [3, 7, 11]
    assert report.counts["file", "a.csv", "train"] == 4
    assert report.counts["file", "b.csv", "train"] == 3
    assert sum(fragment.records for fragment in report.fragments) == 13


# Of 12,000 rows, all of one side: rows in a rhythm, rows that are sorted, and both.
LABELS = {
    "period 2": np.arange(12_000) % 2,
    "period 4": np.arange(12_000) % 4,
    "sorted": np.arange(12_000) // 3_000,
    "sorted, within it a period of 2": np.arange(12_000) // 6_000 * 2 + np.arange(12_000) % 2,
}


@pytest.mark.parametrize("rhythm", LABELS)
@pytest.mark.parametrize("shards", [2, 4, 8])
def test_every_shard_has_its_share_of_every_label(rhythm: str, shards: int) -> None:
    """Each count is that of a fair draw; the rows that train may themselves be every n-th."""
    labels, every = LABELS[rhythm], np.arange(12_000)
    for kept in (every, every[::2], every[every % 5 > 0]):
        origins = np.array([_origin(3, row, 0) for row in kept.tolist()], np.int64)
        found = np.zeros((shards, 4))
        np.add.at(found, (dealt(origins, shards), labels[kept]), 1)
        expected = found.sum(axis=0) / shards
        expected = expected[expected > 0]
        deviation = (found[:, found.any(axis=0)] - expected) ** 2 / expected
        freedom = (shards - 1) * len(expected)
        # Chi squared: mean `freedom`, deviation sqrt(2 * freedom).
        assert deviation.sum() < freedom + 5 * np.sqrt(2 * freedom)


def test_a_row_is_dealt_by_where_it_comes_from(tmp_path: Path) -> None:
    """However rows come in bundles, as engines choose them, shards hold the same in one order."""
    work, whole = tmp_path / "work", _batch(0, 0, 40)
    work.mkdir()
    parts = [_batch(0, first, 8) for first in range(0, 40, 8)]
    one = _bundle(work, whole)
    other = merged(_bundle(work, part) for part in parts[::-1])
    for name, report in (("one", one), ("other", other)):
        for side in SIDES:
            own = [p for p in report.fragments if p.folder == side]
            gathered(own, [tmp_path / name / side / shard for shard in NAMES])
    for side in SIDES:
        for name in NAMES:
            assert _records(tmp_path / "one" / side / name) == _records(
                tmp_path / "other" / side / name
            )


def test_a_side_without_rows_has_empty_shards(tmp_path: Path) -> None:
    gathered([], [tmp_path / "eval" / name for name in NAMES])
    assert [_records(tmp_path / "eval" / name) for name in NAMES] == [[], [], []]


def test_samples_do_not_depend_on_the_order_of_batches() -> None:
    random = np.random.default_rng(1)
    hashes = random.integers(0, 2**63, 3 * SAMPLES).astype(np.uint64)
    rows = pa.RecordBatch.from_pydict({"hash": pa.array(hashes)})
    parts = [(hashes[at : at + 250], rows.slice(at, 250)) for at in range(0, 3 * SAMPLES, 250)]
    for order in (parts, parts[::-1]):
        sample = None
        for part in order:
            sample = sampled(*part, sample)
        assert sample is not None
        assert sample.rows["hash"].to_pylist() == sorted(hashes.tolist())[:SAMPLES]
