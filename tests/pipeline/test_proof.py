"""A run whose features are not those of its transform graph ends, and publishes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.preparing.features import features
from pipeline.preparing.proof import _equal

SPEC = """
name: proved
vocabularies: {words: {size: 3}, tags: {}}
inputs:
  word: {kind: category, vocabulary: words}
  past: {kind: sequence, vocabulary: words, length: 2}
  age: {kind: number}
  income: {kind: number, scale: log}
heads:
  next: {kind: classification, vocabulary: words}
  tags: {kind: multilabel, vocabulary: tags}
split: {by: hash, columns: [word], eval: 0, test: 0}
"""
HARD = 4_321


def write_rows(folder: Path) -> Path:
    """Ordinary rows, and a hard one amid them."""
    row = {"word": "a", "past": ["a", "b"], "age": 1.5, "income": 3e4, "next": "b", "tags": ["x"]}
    hard = {"word": "é", "past": [None, "", "no"], "age": None, "income": -3e38, "next": ""}
    lines = [json.dumps({**row, "age": at, "income": 2e4 + at % 7}) for at in range(5_000)]
    lines[HARD] = json.dumps({**hard, "tags": None})
    path = folder / "train.jsonl"
    path.write_text("\n".join(lines) + "\n")
    (folder / "spec.yaml").write_text(SPEC)
    return path


def prepared(folder: Path) -> Path:
    output = folder / "out" / "data"
    paths = ["--spec", str(folder / "spec.yaml"), "--input", str(write_rows(folder))]
    prepare.run([*paths, "--output", str(output)])
    return output


def wrong(name: str, change: Callable[[Any], Any]) -> Callable[..., pa.RecordBatch]:
    """The function that makes features, with one of them changed."""

    def made_wrong(*given: Any) -> pa.RecordBatch:
        made = features(*given)
        columns = {one: made.column(one) for one in made.schema.names}
        columns[name] = change(columns[name])
        return pa.RecordBatch.from_pydict(columns)

    return made_wrong


def of_values(change: Callable[[Any], Any]) -> Callable[[pa.Array], pa.Array]:
    def changed(lists: pa.Array) -> pa.Array:
        values = lists.flatten().to_numpy(zero_copy_only=False).copy()
        return pa.ListArray.from_arrays(lists.offsets, pa.array(change(values)))

    return changed


def one_less(lists: pa.Array) -> pa.Array:
    return pa.array([one[:-1] for one in lists.to_pylist()], lists.type)


# What a fault in a corner would do: the hard row alone is wrong.
UNSEEN = of_values(lambda ids: np.where(ids == 3, 2, ids))
MISSING_TARGET = of_values(lambda ids: np.where(ids == -1, 0, ids))
FAR_OUT = of_values(lambda numbers: np.where(numbers < -50, numbers * np.float32(0.99), numbers))
ALL = of_values(lambda numbers: numbers + np.float32(1e-5))


def test_right_features_are_published(tmp_path: Path) -> None:
    assert (prepared(tmp_path) / "manifest.json").exists()


@pytest.mark.parametrize(
    ("name", "change", "row", "received"),
    [
        ("word", UNSEEN, HARD + 1, r"\[2\], by the graph \[3\]"),
        ("tags", MISSING_TARGET, HARD + 1, r"\[0\], by the graph \[-1\]"),
        ("income", FAR_OUT, HARD + 1, r"\[-.*\], by the graph \[-.*\]"),
        ("past", one_less, r"\d+", r"\[0\], by the graph \[0, 1\]"),
        ("age", ALL, r"\d+", r"\[.*\], by the graph \[.*\]"),
    ],
)
def test_wrong_features_are_not(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Any,
    row: Any,
    received: str,
) -> None:
    monkeypatch.setattr("pipeline.preparing.examples.features", wrong(name, change))
    said = rf"feature '{name}' of row {row} of .*train\.jsonl\. Received: {received}"
    with pytest.raises(Failure, match=said) as failure:
        prepared(tmp_path)
    assert failure.value.exit_code == Exit.INTEGRITY
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".data.lock"]


def test_numbers_may_differ_in_their_last_bits_alone() -> None:
    values = np.array([1.5, -2.5e20, 0.0, np.nan, np.inf, 1e-3], np.float32)
    assert _equal(values, values, {}).all()
    next_one = np.nextafter(values, np.float32(9e9))
    assert _equal(values, next_one, {}).tolist() == [True, True, True, True, False, True]
    assert not _equal(values[[0, 1, 5]], values[[0, 1, 5]] * np.float32(1 + 1e-6), {}).any()
    assert not _equal(values[:4], values[[3, 3, 3, 0]], {}).any()


def test_what_was_rounded_before_the_mean_came_off_counts_as_much_after() -> None:
    """A last bit of 10.0 is 1e-6; with a deviation of 0.001 that is 1e-3 of what is left."""
    scale = {"mean": 10.0, "std": 0.001}
    one, other = np.array([[0.5], [0.501]], np.float32)
    assert _equal(one, other, scale).all()
    assert not _equal(one, other, {"mean": 0.01, "std": 1.0}).any()
    assert not _equal(one, np.array([0.6], np.float32), scale).any()
