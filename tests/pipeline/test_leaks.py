"""What is on two sides of the split is counted and shown, in bounded memory, in any order."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds.analysis import Analysis
from kinds.columns import Field
from pipeline import prepare
from pipeline.preparing import leaks
from pipeline.preparing.leaks import Sketch, both, example_hashes, sketched
from pipeline.sides import scrambled
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

SPEC = """
name: leaking
keys: [id]
vocabularies: {{words: {{size: 500}}, labels: {{size: 20}}}}
inputs:
  words: {{kind: sequence, vocabulary: words, length: 3}}
  price: {{kind: number}}
heads:
  label: {{kind: classification, vocabulary: labels}}
  sold: {{kind: binary}}
split: {split}
"""
BY_SIDE = "{by: column, column: side, eval: [e], test: [t]}"
ROWS, EVAL = 900, 300


def _sketch(hashes: np.ndarray, parts: int = 1) -> Sketch:
    """Of hashes whose origins are their places, made in so many parts and joined."""
    found: Sketch | None = None
    for at in np.array_split(np.arange(len(hashes)), parts)[::-1]:
        part = sketched(hashes[at], at, None)
        found = part if found is None or part is None else both(part, found)
    assert found is not None
    return found


def _places(origin: int) -> dict[str, Any]:
    return {"row": origin}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(leaks, "KEPT", 64)
    return 64


def test_a_sketch_is_the_smallest_hashes_with_their_counts_whatever_the_order(few: int) -> None:
    random = np.random.default_rng(1)
    hashes = scrambled(random.integers(1, 300, 2_000).astype(np.uint64))
    counts = Counter(hashes.tolist())
    first = {one: hashes.tolist().index(one) for one in counts}
    expected = sorted(counts)[:few]
    one_by_one: Sketch | None = None
    for at in np.array_split(np.arange(2_000), 37):
        one_by_one = sketched(hashes[at], at, one_by_one)
    assert one_by_one is not None
    for found in (_sketch(hashes), _sketch(hashes, 7), one_by_one):
        assert found.hashes.tolist() == expected
        assert found.counts.tolist() == [counts[one] for one in expected]
        assert found.origins.tolist() == [first[one] for one in expected]


def test_a_part_of_the_rows_is_compared_exactly_and_tells_the_share(few: int) -> None:
    """One eval row in four is in train; of some thousand rows 64 hashes a side are kept."""
    train = scrambled(np.arange(1, 4_001, dtype=np.uint64))
    other = scrambled(np.append(np.arange(1, 501), np.arange(9_001, 10_501)).astype(np.uint64))
    sketches = {("examples", "train"): _sketch(train, 3), ("examples", "eval"): _sketch(other, 5)}
    said = leaks.leaks(sketches, _places)["examples"]["eval"]
    limit = min(np.sort(train)[few - 1], np.sort(other)[few - 1])
    known = other[other <= limit]
    assert 0 < len(known) < few
    assert said["compared"] == len(known)
    assert said["in_train"] == int(np.isin(known, train).sum())
    error = math.sqrt(0.25 * 0.75 / len(known))
    assert abs(said["in_train"] / said["compared"] - 0.25) < 4 * error
    for one in said["shown"]:
        assert other[one["row"]["row"]] == train[one["train"]["row"]]


LISTS = st.lists(st.lists(st.integers(-1, 2), max_size=3), min_size=2, max_size=8)


@settings(deadline=None)
@given(LISTS, st.lists(st.floats(width=32, allow_nan=False), min_size=8, max_size=8))
def test_hashes_are_equal_where_all_features_are(
    ids: list[list[int]], numbers: list[float]
) -> None:
    floats = [[number] for number in numbers[: len(ids)]]
    batch = pa.RecordBatch.from_pydict(
        {
            "ids": pa.array(ids, pa.list_(pa.int64())),
            "turned": pa.array(ids[::-1], pa.list_(pa.int64())),
            "x": pa.array(floats, pa.list_(pa.float32())),
        }
    )
    names = batch.schema.names
    found = example_hashes(batch, names).tolist()
    rows = [tuple(json.dumps(row[name]) for name in names) for row in batch.to_pylist()]
    for one in range(len(rows)):
        assert [found[one] == other for other in found] == [rows[one] == other for other in rows]
    # In other company, and from the middle of a batch.
    assert example_hashes(batch.slice(1), names).tolist() == found[1:]


def _table(rows: list[dict[str, Any]], path: Path) -> Path:
    pyarrow.csv.write_csv(pa.Table.from_pylist(rows), path)
    return path


def _row(at: int, side: str) -> dict[str, Any]:
    """No two rows with the same words."""
    words = " ".join(f"w{at // 10**place % 10}{place}" for place in range(3))
    return {"id": f"{side}{at}", "words": words, "price": at % 7, "label": f"l{at % 5}",
            "sold": at % 2, "side": side}  # fmt: skip


def _prepared(folder: Path, rows: list[dict[str, Any]], split: str = BY_SIDE) -> dict[str, Any]:
    (folder / "spec.yaml").write_text(SPEC.format(split=split))
    files = [_table(rows[: len(rows) // 2], folder / "a.csv")]
    files += [_table(rows[len(rows) // 2 :], folder / "b.csv")]
    given = ["--spec", str(folder / "spec.yaml"), "--input", *map(str, files)]
    prepare.run(
        [*given, "--output", str(folder / "data"), "--cache", str(folder / "cache"), "--force"]
    )
    said: dict[str, Any] = json.loads((folder / "data" / "statistics.json").read_text())
    return said


def _spec(split: str) -> Spec:
    return parse_spec(SPEC.format(split=split))


def test_rows_that_are_in_train_too_are_counted_named_and_warned_of(tmp_path: Path) -> None:
    train = [_row(at, "") for at in range(ROWS - EVAL)]
    fresh = [_row(at, "e") for at in range(ROWS - EVAL, ROWS - 20)]
    # The same but for the key, with one target changed, and with one word changed.
    same = [_row(at, "e") for at in range(10)]
    changed = [_row(at, "e") | {"sold": 1 - at % 2} for at in range(10, 15)]
    other = [_row(at, "e") | {"words": "w10 w01 w02"} for at in range(20, 25)]
    keys = [_row(at, "t") | {"id": str(at - 800)} for at in range(800, 803)]
    rows = [*train, *fresh, *same, *changed, *other, *keys]
    for _ in range(2):  # The second time training rows come from the cache.
        said = _prepared(tmp_path, rows)
        found = said["leaks"]["examples"]
        assert found["eval"]["compared"] == len([*fresh, *same, *changed, *other])
        assert found["eval"]["in_train"] == len(same)
        assert found["test"]["in_train"] == 0
        before = len(train) + len(fresh) - len(rows) // 2
        assert found["eval"]["shown"] == [
            {
                "row": {"file": str(tmp_path / "b.csv"), "row": before + at},
                "train": {"file": str(tmp_path / "a.csv"), "row": at},
            }
            for at in (1, 2, 3)
        ]
        assert said["leaks"]["keys"]["test"]["in_train"] == len(keys)
        warned = [one for one in said["warnings"] if one["of"] in ("eval", "test")]
        assert [(one["anomaly"], one["of"]) for one in warned] == [
            ("EXAMPLES_IN_TRAIN", "eval"),
            ("KEYS_IN_TRAIN", "test"),
        ]
        said_first = f"{len(same)} of {found['eval']['compared']} rows are the same to the model "
        assert warned[0]["said"].startswith(said_first)
        assert "in all it has (words, price; label, sold): row" in warned[0]["said"]
        assert "have the key (id) of a training row" in warned[1]["said"]


RARE = SPEC.replace("size: 500", "size: 5").replace("size: 20", "size: 2")


def test_rows_are_not_alike_because_their_values_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the model all rare words and labels are one; the same rare ones are the same row."""
    monkeypatch.setattr(f"{__name__}.SPEC", RARE)

    def row(at: int, words: str, label: str, side: str) -> dict[str, Any]:
        return {"id": at, "words": words, "price": 1, "label": label, "sold": 1, "side": side}

    known = [row(at, "a b c", ("x", "y")[at % 2], "") for at in range(10)]
    train = [row(10 + at, f"a b rare{at}", "x", "") for at in range(20)]
    train += [row(50 + at, "a b c", f"rare{at}", "") for at in range(20)]
    other = [row(100 + at, f"a b other{at}", "x", "e") for at in range(20)]
    other += [row(200 + at, "a b c", f"other{at}", "e") for at in range(20)]
    same = [row(300, "a b rare3", "x", "e"), row(301, "a b c", "rare7", "e")]
    same += [row(302, "a b c", "x", "e")]
    test = [row(400, "new a c", "y", "t")]
    said = _prepared(tmp_path, [*known, *train, *other, *same, *test])
    assert said["leaks"]["examples"]["eval"]["in_train"] == len(same)
    shown = [one["train"]["row"] for one in said["leaks"]["examples"]["eval"]["shown"]]
    assert len(shown) == len(same)


@settings(deadline=None)
@given(st.lists(st.lists(st.text("ab\u00e9", max_size=3), max_size=3), min_size=2, max_size=8))
def test_texts_of_unknown_values_tell_rows_apart(lists: list[list[str]]) -> None:
    column = pa.array(lists, pa.list_(pa.string()))
    rows = pa.RecordBatch.from_pydict({"x": column, "y": pa.array(["".join(t) for t in lists])})
    analyses = [Analysis(Field("x", "list"), 2), Analysis(Field("y", "text"))]
    which = np.arange(len(lists)) != 1
    found = leaks.texts_of(rows, analyses, which).to_pylist()
    kept = [(tuple(one[-2:]), "".join(one)) for one in lists]
    assert [one > 0 for one in found] == which.tolist()
    for at in np.flatnonzero(which):
        for other in np.flatnonzero(which):
            assert (found[at] == found[other]) == (kept[at] == kept[other])


def test_keys_that_repeat_in_train_are_no_rows(tmp_path: Path) -> None:
    """A graph's keys are entities: each is in many rows, and on every side."""
    rows = [_row(at, "") | {"id": f"entity{at % 30}"} for at in range(90)]
    rows += [_row(at, side) | {"id": f"entity{at % 30}"} for at, side in ((91, "e"), (92, "t"))]
    said = _prepared(tmp_path, rows)
    assert said["leaks"]["keys"]["eval"]["in_train"] == 1
    assert said["leaks"]["keys"]["eval"]["repeated_in_train"] == 1
    assert not [one for one in said["warnings"] if one["anomaly"] == "KEYS_IN_TRAIN"]


def test_keys_are_not_compared_where_they_choose_the_side() -> None:
    assert leaks.may_share_keys(_spec(BY_SIDE))
    assert leaks.may_share_keys(_spec("{by: hash, columns: [words]}"))
    assert not leaks.may_share_keys(_spec("{by: hash, columns: [id]}"))
