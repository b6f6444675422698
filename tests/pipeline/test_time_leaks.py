"""A split that lets a model see what comes later is told of, and no other."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline import prepare
from pipeline.fields import fields_of
from pipeline.folders.data import DataFolder
from pipeline.preparing.reports import Sample
from pipeline.preparing.time_leaks import time_leaks
from pipeline.spec.file import parse_spec

SPEC = """
name: late
keys: [when]
vocabularies: {words: {}}
inputs: {word: {kind: category, vocabulary: words}}
heads: HEADS
split: SPLIT
"""
HEADS = {
    "label": "{label: {kind: classification, vocabulary: words}}",
    "label:list": "{label: {kind: multilabel, vocabulary: words}}",
    "yes": "{yes: {kind: binary}}",
    "price": "{price: {kind: regression}}",
}
ROWS = 3_000


def days(places: np.ndarray) -> pa.Array:
    return pa.array((np.datetime64("2023-01-01") + places.astype(int)).astype(str))


def rows(seed: int, drift: float, first: int = 0, last: int = 700) -> pa.Table:
    """Targets that change along the days by `drift` of all that they can."""
    random = np.random.default_rng(seed)
    when = random.integers(first, last, ROWS)
    late = random.random(ROWS) < 0.5 + drift * (when / 700 - 0.5)
    return pa.table(
        {
            "when": days(when),
            "word": random.choice(["a", "b"], ROWS),
            "label": np.where(late, "new", "old"),
            "label:list": [["new", "x"] if one else ["old"] for one in late],
            "yes": late.astype(np.float32),
            "price": (random.normal(size=ROWS) + 2 * late).astype(np.float32),
        }
    )


def found(
    head: str, split: str, train: pa.Table, test: pa.Table, values: Counter[str] | None = None
) -> dict[tuple[str, str], str]:
    spec = parse_spec(SPEC.replace("HEADS", HEADS[head]).replace("SPLIT", split))
    if head == "label:list":
        train, test = (
            one.drop_columns(["label"]).rename_columns({"label:list": "label"})
            for one in (train, test)
        )
    samples = {
        side: Sample(np.zeros(table.num_rows, np.uint64), table)
        for side, table in (("train", train), ("test", test))
    }
    leaks = time_leaks(spec, fields_of(spec), samples, values or Counter())
    return {(of, kind): said for of, (kind, said) in leaks}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("split", ["{by: row}", "{by: hash, columns: [word]}"])
def test_a_split_that_does_not_look_at_the_time_is_told_where_a_target_changes(
    head: str, split: str
) -> None:
    said = found(head, split, rows(1, 1.0), rows(2, 1.0))
    assert list(said) == [("when", "LATER_ROWS_IN_TRAIN")]
    (text,) = said.values()
    assert head.partition(":")[0] in text and "2023-12" in text
    assert found(head, split, rows(1, 0.0), rows(2, 0.0)) == {}


def test_the_shares_are_those_of_the_two_halves() -> None:
    ((_, text),) = found("label", "{by: row}", rows(1, 1.0), rows(2, 1.0)).items()
    # Uniform days: the share of "new" is a quarter in the earlier half and three in the later.
    shares = [int(word.strip("%")) for word in text.replace(",", "").split() if "%" in word]
    assert sorted(shares) == pytest.approx([25, 75], abs=4)


@pytest.mark.parametrize(
    "split", ["{by: row}", "{by: hash, columns: [word]}", "{by: file, eval: [e]}"]
)
def test_held_out_rows_that_are_older_are_told(split: str) -> None:
    old, new = rows(1, 0, 0, 300), rows(2, 0, 290, 700)
    assert list(found("yes", split, new, old)) == [("test", "OLDER_THAN_TRAIN")]
    assert found("yes", split, old, new) == {}


@pytest.mark.parametrize(
    "split", ["{by: time, column: when}", "{by: last, columns: [word], order: when}"]
)
def test_a_split_in_time_is_not_told_of(split: str) -> None:
    assert found("yes", split, rows(1, 1.0), rows(2, 1.0)) == {}


@pytest.mark.parametrize(
    ("values", "older"),
    [
        (["2020", "2021", "2022", "2023"], False),
        (["2023", "2022", "2021", "2020"], True),
        (["2023.0", "2022.0", "2021.0", "2020.0"], True),
        (["2024-03-01", "2024-02-01", "2024-01-02", "2024-01-01"], True),
        (["7", "6", "5", "4"], False),
        (["d", "c", "b", "a"], False),
    ],
)
def test_the_values_of_a_split_may_be_years_or_days(values: list[str], older: bool) -> None:
    *train, held_out, test = values
    split = f"{{by: column, column: year, eval: ['{held_out}'], test: ['{test}']}}"
    occurring = Counter({**dict.fromkeys(train, 50), held_out: 10, test: 10})
    table = rows(1, 0.0)
    said = found("yes", split, table, table, occurring)
    expected = {("eval", "OLDER_THAN_TRAIN"), ("test", "OLDER_THAN_TRAIN")} if older else set()
    assert set(said) == expected


def test_a_column_without_times_or_with_few_rows_says_nothing() -> None:
    table = rows(1, 1.0)
    codes = table.set_column(0, "when", pa.array([f"{at % 60}" for at in range(ROWS)]))
    assert found("yes", "{by: row}", codes, codes) == {}
    few = table[:90]
    assert found("yes", "{by: row}", few, few) == {}
    none = table.set_column(0, "when", pa.nulls(ROWS, pa.string()))
    assert found("yes", "{by: row}", none, none) == {}


def test_prepare_warns_of_it(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        SPEC.replace("HEADS", HEADS["yes"]).replace("SPLIT", "{by: row}")
    )
    table = rows(1, 1.0).select(["when", "word", "yes"])
    pyarrow.parquet.write_table(
        table.set_column(0, "when", table["when"].cast(pa.date32())), tmp_path / "a.parquet"
    )
    arguments = ["--spec", str(tmp_path / "spec.yaml"), "--input", str(tmp_path / "a.parquet")]
    prepare.run([*arguments, "--output", str(tmp_path / "data")])
    warnings = DataFolder(tmp_path / "data").statistics.warnings
    told = [one for one in warnings if one["anomaly"] == "LATER_ROWS_IN_TRAIN"]
    assert [one["of"] for one in told] == ["when"]
