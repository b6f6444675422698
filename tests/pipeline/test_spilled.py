"""Sums that wait on disk: together they are those of the same rows in memory, in any order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kinds.memory.counting import PairCounts, added, merged, with_pairs
from pipeline.preparing import spilled
from pipeline.preparing.spilled import Spilled, Spills, joined

KEY = ("by_maker", "train", "product")
ROWS, BATCH = 1200, 100


def batches() -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    draw = np.random.default_rng(5)
    for first in range(0, ROWS, BATCH):
        yield first, (90 * draw.random(BATCH) ** 2).astype(int), draw.integers(0, 7, BATCH)


def on_disk(work: Path, bundles: int, limit: int) -> list[tuple[Spilled[PairCounts], ...]]:
    """The files of each of so many bundles of rows that follow each other."""
    work.mkdir(exist_ok=True)
    found, whole = [], list(batches())
    for bundle in range(bundles):
        spills: Spills[PairCounts] = Spills(str(work), added)
        for first, keys, labels in whole[bundle * 12 // bundles : (bundle + 1) * 12 // bundles]:
            spills.rows_from(first)
            counts = spills.sums.get(KEY, PairCounts(limit=limit))
            spills.sums[KEY] = with_pairs(counts, keys, labels, np.ones(BATCH))
        found.append(spills.all()[KEY])
    return found


def as_read(counts: PairCounts) -> dict[tuple[int, int], tuple[float, int, int]]:
    columns = added(counts).parts[0].to_pydict()
    pairs = zip(columns["key"], columns["label"], strict=True)
    sums = zip(columns["weight"], columns["rows"], columns["labels"], strict=True)
    return dict(zip(pairs, sums, strict=True))


@pytest.mark.parametrize("bundles", [1, 3])
def test_what_went_to_disk_in_pieces_adds_up_to_the_whole(
    bundles: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilled, "LARGE", 60)
    files = [file for own in on_disk(tmp_path, bundles, 10_000) for file in own]
    assert len(files) > bundles
    _, keys, labels = zip(*batches(), strict=True)
    pairs, times = np.unique(
        np.stack([np.ravel(keys), np.ravel(labels)]), axis=1, return_counts=True
    )
    expected = {
        (int(key), int(label)): (float(count), int(count), 1)
        for key, label, count in zip(*pairs, times, strict=True)
    }
    assert as_read(joined(files, merged)) == expected


def test_files_are_read_in_the_order_of_the_rows_however_reports_arrive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for few pairs, what is forgotten depends on the order."""
    monkeypatch.setattr(spilled, "LARGE", 30)
    bundles = on_disk(tmp_path, 3, limit=80)
    forwards = joined([file for own in bundles for file in own], merged)
    backwards = joined([file for own in reversed(bundles) for file in own], merged)
    assert forwards.lost == backwards.lost > 0
    assert as_read(forwards) == as_read(backwards)
