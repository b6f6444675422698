"""The side of a row depends on its values alone."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from pipeline.preparing.split_sides import REMEMBERED, check_values, remembered, value_counts
from pipeline.sides import (
    Rows,
    Split,
    by_file,
    by_hash,
    by_time,
    by_value,
    hashes,
    row_hashes,
    texts_of,
)
from pipeline.sides.origins import origins
from pipeline.spec import ColumnSplit, FileSplit, HashSplit, RowSplit


def rows(count: int) -> Rows:
    numbers = np.arange(1, count + 1)
    return Rows(numbers, origins(0, numbers))


def test_shares_are_about_those_asked_for() -> None:
    keys = pa.array([f"key {i}" for i in range(20_000)])
    side = by_hash([keys], 0.2, 0.1)
    # Three standard deviations of a binomial with 20,000 draws are under 0.009.
    np.testing.assert_allclose(np.bincount(side) / 20_000, [0.7, 0.2, 0.1], atol=0.009)


def test_equal_keys_share_a_side_in_any_batch() -> None:
    a, b = pa.array(["x", "y", None, "", "x"]), pa.array(["1", "1", "2", "2", "1"])
    found = hashes([a, b])
    assert found[0] == found[4]
    assert len(set(found.tolist())) == 4
    assert hashes([a[2:], b[2:]]).tolist() == found[2:].tolist()
    assert hashes([b, a]).tolist() != found.tolist()


def test_the_hash_is_blake2b_and_a_mixer() -> None:
    def mix(value: int) -> int:
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return value ^ (value >> 31)

    text = int.from_bytes(hashlib.blake2b(b"x", digest_size=8).digest(), "little")
    assert hashes([pa.array(["x"])]).tolist() == [mix((mix(0) + text) % 2**64)]


def test_no_row_leaves_training_when_no_share_is_asked() -> None:
    assert by_hash([pa.array(["a", "b", None])], 0, 0).tolist() == [0, 0, 0]


def test_what_is_remembered_of_a_split_is_the_same_in_any_order() -> None:
    many = Counter({str(i): i + 1 for i in range(3 * REMEMBERED)})
    first, second = (dict(list(many.items())[part]) for part in (slice(900), slice(900, None)))
    both = remembered(remembered(Counter(first)) + remembered(Counter(second)))
    assert both == remembered(many) and len(both) == REMEMBERED


def test_by_value() -> None:
    column = pa.array(["a", "b", "c", None, ""])
    assert by_value(column, ["b", ""], ["c"]).tolist() == [0, 1, 2, 0, 1]
    assert by_value(column, ["b"], []).tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("path", "side"), [("d/train.csv", 0), ("d/eval-1.csv", 1), ("d/test.csv", 2), ("old/a.csv", 2)]
)
def test_by_file(path: str, side: int) -> None:
    assert by_file(path, ["eval-*.csv"], ["test.csv", "old/*"]) == side


def test_listed_values_are_found_however_a_file_writes_them() -> None:
    split = ColumnSplit(by="column", column="when", eval=("2023", "2024-01-02"), test=("True",))
    for texts in (
        ["2023.0", "TRUE", "x", "2024-01-02 00:00:00"],
        ["2023", "true", "x", "2024-01-02"],
    ):
        column = pa.array(texts)
        assert by_value(column, split.eval, split.test).tolist() == [1, 2, 0, 1]
        found = value_counts(column)
        check_values(split, found, found)
        assert set(texts_of([*split.eval, *split.test])) < set(found)


def test_a_split_of_a_spec_is_the_same_from_its_json() -> None:
    texts = [pa.array(["a", "b", "c", None])]
    for split in (
        HashSplit(by="hash", columns=("k",), eval=0.4, test=0.3),
        HashSplit(by="hash", columns=("k",), eval=0.4, fold="2/3"),
        RowSplit(by="row", eval=0.4, test=0.3),
        ColumnSplit(by="column", column="k", eval=("a",), test=("c",)),
        FileSplit(by="file", eval=("*/new*",)),
    ):
        direct, read = (Split.of(split.model_dump(mode=mode)) for mode in ("python", "json"))
        columns = texts[: len(direct.columns)]
        found = direct.sides("rows/new.csv", columns, rows(4))
        assert found.tolist() == read.sides("rows/new.csv", columns, rows(4)).tolist()
        assert len(set(found.tolist())) > 1 or split.by == "file"


@pytest.mark.parametrize("folds", [2, 3, 7])
def test_each_row_is_on_the_test_side_of_one_fold_and_on_the_eval_side_of_its_share(
    folds: int,
) -> None:
    keys = [pa.array([f"key {i}" for i in range(20_000)])]
    sides = [by_hash(keys, 0.1, 0.9, f"{fold}/{folds}") for fold in range(1, folds + 1)]
    counts = np.array([np.bincount(side, minlength=3) for side in sides])
    assert (sum((side == 2).astype(int) for side in sides) == 1).all()
    # Three standard deviations of a binomial with 20,000 draws are under 0.011.
    shares = [0.9 - 1 / folds, 0.1, 1 / folds]
    np.testing.assert_allclose(counts / 20_000, [shares] * folds, atol=0.011)


def test_a_row_is_by_itself_and_the_same_in_every_format_and_folder() -> None:
    numbers = np.arange(1, 20_001)
    split = Split("row", eval=0.2, test=0.1)
    found = split.sides("rows/d.csv", [], Rows(numbers, numbers))
    np.testing.assert_allclose(np.bincount(found) / 20_000, [0.7, 0.2, 0.1], atol=0.009)
    for path in ("d.parquet", "/elsewhere/d.jsonl.gz", "gs://bucket/d.csv"):
        assert (split.sides(path, [], Rows(numbers, numbers)) == found).all()
    assert (row_hashes("e.csv", numbers) != row_hashes("d.csv", numbers)).all()


def test_a_side_begins_with_its_time_and_a_row_without_one_is_nowhere() -> None:
    column = pa.array(["2023-12-31T23:59:59", "2024-01-01", "2024-02-01T00:00+01:00", None, "x"])
    assert by_time(column, ["2024-01-01", "2024-02-01"]).tolist() == [0, 1, 1, -1, -1]
    assert by_time(column, ["2024-01-01"]).tolist() == [0, 1, 1, -1, -1]
    years = pa.array(["2021.0", "2022", "2023", "2023-01-01"])
    assert by_time(years, ["2022", "2023"]).tolist() == [0, 1, 2, 2]
    assert by_time(years, ["2022", "20230"]).tolist() == [0, 1, 1, -1]
    assert by_time(column, ["2023", "2024"]).tolist() == [1, 2, 2, -1, -1]
    assert by_time(column, ["2024", "2024"]).tolist() == [0, 2, 2, -1, -1]
    assert by_time(years, []).tolist() == [0, 0, 0, 0]
