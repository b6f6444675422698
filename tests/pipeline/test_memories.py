"""Memories in the data folder: what a plain count of the training rows says, however they come."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from kinds.memory.label_counts import LabelCounts
from pipeline import drift, prepare
from pipeline.folders.data import DataFolder
from pipeline.preparing import spilled
from pipeline.preparing.summary import MEMORIES_SHOWN, summary
from pipeline.spec.file import parse_spec

SPEC = """
name: remembering
weight: often
vocabularies: {maker: {size: 4}, word: {}, product: {size: 3}}
inputs:
  maker: {kind: category, vocabulary: maker}
  words: {kind: sequence, vocabulary: word, length: 2}
  paid: {kind: flag}
memory:
  by_maker: {of: [maker], labels: 2}
  by_maker_paid: {of: [maker, paid], min_count: 2}
  by_last: {of: [words.last]}
heads:
  product: {kind: classification, vocabulary: product, memory: [by_maker_paid, by_maker]}
  other: {kind: classification, column: again, vocabulary: product, memory: [by_maker, by_last]}
split: {by: column, column: side, eval: [eval]}
"""
Row = dict[str, object]


def table(count: int, seed: int) -> list[Row]:
    draw = np.random.default_rng(seed)

    def one_of(values: list[object]) -> object:
        return values[min(int(draw.exponential(1.5)), len(values) - 1)]

    return [
        {
            "maker": one_of(["a", "b", None, "c", "d", "e", "f"]),
            "words": one_of(["x", "x y", "y z x", "", "z"]),
            "paid": one_of([True, False, None]),
            "product": one_of(["p", "q", "r", None, "s", "t"]),
            "again": one_of(["q", None, "p"]),
            "often": float(one_of([1, 0.5, 2, 0])),  # type: ignore[arg-type]
            "side": one_of(["train", "train", "eval"]),
        }
        for _ in range(count)
    ]


def prepared(folder: Path, name: str, *, files: int = 2, **options: object) -> DataFolder:
    paths = []
    for at in range(files):
        paths.append(str(folder / f"{at}.parquet"))
        pyarrow.parquet.write_table(pa.Table.from_pylist(table(300, at)), paths[-1])
    prepare.prepare(parse_spec(SPEC), paths, folder / name, **options)  # type: ignore[arg-type]
    return DataFolder(folder / name).verified()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    return prepared(tmp_path_factory.mktemp("memories"), "data")


Counted = dict[object, Counter[int]]


def recounted(data: DataFolder, head: str, files: int, *names: str) -> tuple[Counted, Counted]:
    """{values: {label: weight}} and {values: {label: rows}}, of the raw rows."""
    ids = {name: list(data.vocabulary(name)) for name in ("maker", "word", "product")}
    weights: Counted = defaultdict(Counter)
    times: Counted = defaultdict(Counter)
    for row in (row for at in range(files) for row in table(300, at) if row["side"] == "train"):
        value = tuple(_value(row, name, ids) for name in names)
        label, weight = row[head], row["often"]
        if None in value or label is None or not weight:
            continue
        known = ids["product"]
        at = known.index(label) if label in known else len(known)
        weights[value][at] += weight  # type: ignore[operator]
        times[value][at] += 1
    return weights, times


def _value(row: Row, name: str, ids: dict[str, list[str]]) -> str | None:
    if name == "words":
        words = str(row["words"]).split()
        return words[-1] if words else "nothing"
    if name == "maker" and row["maker"] is not None:
        return str(row["maker"]) if row["maker"] in ids["maker"] else None
    return str(row[name])


def as_read(counts: LabelCounts) -> list[tuple[float, int, list[tuple[int, float]]]]:
    """Without the keys: of each value its total, its number of labels, and those that it lists."""
    ends = zip(counts.offsets[:-1], counts.offsets[1:], strict=True)
    listed = [(counts.labels[at:end], counts.weights[at:end]) for at, end in ends]
    pairs = [sorted(zip(*(a.tolist() for a in one), strict=True)) for one in listed]
    return sorted(zip(counts.totals.tolist(), counts.distinct.tolist(), pairs, strict=True))


CASES = [
    ("by_maker", "product", "product", 2, 1, ("maker",)),
    ("by_maker_paid", "product", "product", 64, 2, ("maker", "paid")),
    ("by_maker", "other", "again", 2, 1, ("maker",)),
    ("by_last", "other", "again", 64, 1, ("words",)),
]


@pytest.mark.parametrize(("name", "head", "column", "most", "min_count", "of"), CASES)
def test_a_memory_holds_what_a_plain_count_of_the_training_rows_gives(
    data: DataFolder,
    name: str,
    head: str,
    column: str,
    most: int,
    min_count: int,
    of: tuple[str, ...],
) -> None:
    weights, times = recounted(data, column, 2, *of)
    expected = []
    for value, own in weights.items():
        if sum(times[value].values()) >= min_count:
            first = sorted(own.items(), key=lambda one: (-one[1], one[0]))[:most]
            expected.append((float(sum(own.values())), len(own), sorted(first)))
    assert as_read(data.memory(name, head)) == sorted(expected)
    said = data.statistics.memory[name][head]
    assert said["values"] == len(expected)
    assert said["below_min_count"] == len(weights) - len(expected)
    assert said["pairs"] == sum(len(listed) for _, _, listed in expected)
    assert said["pairs"] + said["beyond_labels"] == sum(distinct for _, distinct, _ in expected)
    assert said["weights_low_by_at_most"] == said["totals_low_by_at_most"] == 0


def test_the_share_of_rows_whose_value_is_known_is_that_of_the_raw_rows(data: DataFolder) -> None:
    ids = {name: list(data.vocabulary(name)) for name in ("maker", "word", "product")}
    held_out = [row for at in range(2) for row in table(300, at) if row["side"] == "eval"]
    weights, _ = recounted(data, "product", 2, "maker")
    known = [_value(row, "maker", ids) is not None for row in held_out]
    assert all(
        (_value(row, "maker", ids),) in weights for row in held_out if _value(row, "maker", ids)
    )
    said = data.statistics.memory["by_maker"]["product"]["known"]
    assert said["eval"] == pytest.approx(sum(known) / len(held_out))


def same(one: DataFolder, other: DataFolder) -> bool:
    names = [(name, head) for name, head in one.spec.remembered()]
    return all(
        np.array_equal(values, other.memory(name, head).arrays()[what])
        for name, head in names
        for what, values in one.memory(name, head).arrays().items()
    )


def test_neither_the_cache_nor_the_number_of_shards_changes_a_count(
    data: DataFolder, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert same(data, prepared(tmp_path, "first", cache=cache, shards=1))
    assert same(data, prepared(tmp_path, "again", cache=cache, force=True))


def test_counts_that_go_to_disk_in_pieces_are_the_same(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spilled, "LARGE", 3)
    assert same(data, prepared(tmp_path, "pieces"))


def test_a_day_more_adds_up_under_the_ids_that_values_had(data: DataFolder, tmp_path: Path) -> None:
    more = prepared(tmp_path, "more", files=3, extend=data.path)
    assert list(more.vocabulary("maker"))[:4] == list(data.vocabulary("maker"))
    weights, _ = recounted(more, "product", 3, "maker")
    totals = sorted(float(sum(own.values())) for own in weights.values())
    assert [total for total, _, _ in as_read(more.memory("by_maker", "product"))] == totals


def test_what_a_memory_holds_is_told_line_by_line(data: DataFolder) -> None:
    lines = list(summary(data.statistics))
    said = data.statistics.memory["by_maker_paid"]["product"]
    start = (
        f"memory by_maker_paid of product: {said['values']:,} values with {said['pairs']} labels"
    )
    at = next(at for at, line in enumerate(lines) if line.startswith(start))
    assert f"; {said['below_min_count']} values too rare" in lines[at]
    assert lines[at + 1].startswith("  it knows the value in ")


def test_of_many_memories_the_first_ones_have_lines(data: DataFolder) -> None:
    one = data.statistics.memory["by_maker"]["product"]
    many = replace(data.statistics, memory={f"by_{at}": {"product": one} for at in range(30)})
    lines = [line for line in summary(many) if line.startswith("memory ")]
    assert [line.split()[1] for line in lines] == [f"by_{at}" for at in range(MEMORIES_SHOWN)]
    assert "  and 22 memories more, all of them in statistics.json" in summary(many)


def test_a_memory_of_values_that_hardly_repeat_is_warned_about(tmp_path: Path) -> None:
    spec = SPEC.replace("{maker: {size: 4}", "{maker: {}").replace("min_count: 2", "min_count: 500")
    rows: list[Row] = [row | {"maker": str(at)} for at, row in enumerate(table(300, 1))]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    prepare.prepare(parse_spec(spec), [str(tmp_path / "rows.parquet")], tmp_path / "data")
    warnings = DataFolder(tmp_path / "data").statistics.warnings
    found = {(one["anomaly"], one["of"]) for one in warnings if one["of"].startswith("by_")}
    assert found == {("RARELY_KNOWN", "by_maker"), ("EMPTY_MEMORY", "by_maker_paid")}


def test_drift_says_by_how_much_less_often_values_are_known(
    data: DataFolder, tmp_path: Path
) -> None:
    """Half of the new rows have a maker that no training row has."""
    new = [row | ({"maker": "new"} if at % 2 else {}) for at, row in enumerate(table(200, 5))]
    pyarrow.parquet.write_table(pa.Table.from_pylist(new), tmp_path / "new.parquet")
    old, paths = drift.distributions(data.path), [str(tmp_path / "new.parquet")]
    found = {one.of: one for one in drift.NewRows(data, old, paths, 0.01).distances()}
    ids = {name: list(data.vocabulary(name)) for name in ("maker", "word", "product")}
    known = sum(_value(row, "maker", ids) is not None for row in new) / len(new)
    expected = data.statistics.memory["by_maker"]["product"]["known"]["train"]
    assert found["memory.by_maker"].distance == pytest.approx(abs(known - expected))
    assert found["memory.by_maker"].distance > 0.3
    assert found["memory.by_last"].distance < 0.1


def test_a_memory_of_all_rows_knows_labels_that_no_row_has(tmp_path: Path) -> None:
    spec = SPEC.replace("[by_maker_paid, by_maker]", "[by_maker_paid, by_maker, all_rows]")
    spec = spec.replace("memory:\n", "memory:\n  all_rows: {of: []}\n").replace(
        "size: 3}", "size: 30}"
    )
    rows: list[Row] = [
        row | ({"product": f"rare {at}"} if at % 9 == 0 else {})
        for at, row in enumerate(table(300, 1))
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    prepare.prepare(parse_spec(spec), [str(tmp_path / "rows.parquet")], tmp_path / "data")
    data = DataFolder(tmp_path / "data").verified()
    known = list(data.vocabulary("product"))
    weights: Counter[int] = Counter()
    times: Counter[int] = Counter()
    for row in rows:
        if row["side"] == "train" and row["product"] is not None and row["often"]:
            label = known.index(row["product"]) if row["product"] in known else len(known)
            weights[label] += row["often"]  # type: ignore[operator]
            times[label] += 1
    once = [label for label, count in times.items() if count == 1 and label < len(known)]
    unseen = weights[len(known)] + sum(weights[label] for label in once)
    assert len(once) > 5
    counts = data.memory("all_rows", "product")
    assert counts.keys.tolist() == [0]
    assert counts.totals[0] == sum(weights.values()) + sum(weights[label] for label in once)
    assert dict(zip(counts.labels.tolist(), counts.weights.tolist(), strict=True)) == {
        **weights,
        len(known): unseen,
    }
