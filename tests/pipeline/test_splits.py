"""Rows split by time, by the last of each group and by themselves, in every format."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
import tensorflow as tf

from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.folders.data import DataFolder
from pipeline.sides import SIDES
from pipeline.spec import TimeSplit
from trainer.task import chosen_spec

SPEC = """
name: split
inputs: {x: {kind: number, scale: none}}
heads: {y: {kind: regression}}
split: SPLIT
"""
ROWS = 400
START = 1_700_000_000
Write = Callable[[Path, pa.Table], None]


def table_of(seed: int = 0) -> pa.Table:
    """Rows of some users, at whole seconds that few rows share, in no order."""
    random = np.random.default_rng(seed)
    users = [f"u{user}" for user in random.integers(0, 60, ROWS)]
    at = START + random.integers(0, 3 * ROWS, ROWS)
    return pa.table({"x": np.arange(ROWS), "y": np.ones(ROWS), "user": users, "at": at})


def with_times(table: pa.Table, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index("at"), "at", column)


def as_stamps(unit: str, zone: str | None = None) -> Callable[[pa.Table], pa.Table]:
    kind = pa.timestamp(unit, zone)
    return lambda table: with_times(table, table["at"].cast(pa.timestamp("s", zone)).cast(kind))


def as_texts(table: pa.Table) -> pa.Table:
    said = [datetime.fromtimestamp(at, UTC).isoformat() for at in table["at"].to_pylist()]
    return with_times(table, pa.array(said))


def as_floats(table: pa.Table) -> pa.Table:
    return with_times(table, table["at"].cast(pa.float64()))


def to_jsonl(path: Path, table: pa.Table) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))


def to_csv(path: Path, table: pa.Table) -> None:
    pyarrow.csv.write_csv(table, path)


def to_parquet(path: Path, table: pa.Table) -> None:
    pyarrow.parquet.write_table(table, path, row_group_size=37)


FORMS: dict[str, tuple[str, Write, Callable[[pa.Table], pa.Table]]] = {
    "csv of seconds": ("csv", to_csv, lambda table: table),
    "csv of times": ("csv", to_csv, as_stamps("ms")),
    "jsonl of floats": ("jsonl", to_jsonl, as_floats),
    "jsonl of texts": ("jsonl", to_jsonl, as_texts),
    "parquet in ns": ("parquet", to_parquet, as_stamps("ns")),
    "parquet with a zone": ("parquet", to_parquet, as_stamps("us", "Asia/Tokyo")),
}


def run(folder: Path, split: str, *files: Path, more: tuple[str, ...] = ()) -> Path:
    (folder / "spec.yaml").write_text(SPEC.replace("SPLIT", split))
    output = folder / "data"
    arguments = ["--spec", str(folder / "spec.yaml"), "--output", str(output), "--force", *more]
    prepare.run([*arguments, "--input", *map(str, files)])
    return output


def sides_of(data: Path) -> dict[str, list[int]]:
    """The rows of each side, by their x."""
    found: dict[str, list[int]] = {}
    for side in SIDES:
        files = sorted(map(str, (data / "examples" / side).iterdir()))
        records = tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()
        examples = [tf.train.Example.FromString(record).features.feature for record in records]
        found[side] = sorted(int(one["x"].float_list.value[0]) for one in examples)
    return found


def by_rows(side: list[int]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(np.equal(side, at)).tolist() for at, name in enumerate(SIDES)}


def from_times(table: pa.Table, eval_from: int, test_from: int) -> dict[str, list[int]]:
    return by_rows([(at >= eval_from) + (at >= test_from) for at in table["at"].to_pylist()])


def last_of_each(table: pa.Table, eval_rows: int, test_rows: int) -> dict[str, list[int]]:
    rows: dict[str, list[tuple[int, int]]] = {}
    for place, row in enumerate(table.to_pylist()):
        rows.setdefault(row["user"], []).append((row["at"], place))
    side = [0] * table.num_rows
    for own in rows.values():
        for rank, (_, place) in enumerate(sorted(own)[1:][::-1]):
            side[place] = 2 if rank < test_rows else int(rank < test_rows + eval_rows)
    return by_rows(side)


@pytest.mark.parametrize("form", FORMS)
def test_shares_of_time_and_last_rows_are_the_same_in_every_format(
    tmp_path: Path, form: str
) -> None:
    table, (suffix, write, change) = table_of(), FORMS[form]
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for file, part in zip(files, (table[:150], table[150:]), strict=True):
        write(file, change(part))
    rising = sorted(table["at"].to_pylist())
    data = run(tmp_path, "{by: time, column: at, eval: 0.2, test: 0.1}", *files)
    found = sides_of(data)
    assert found in [  # rows of one second stay together
        from_times(table, rising[280 + early], rising[360 + later])
        for early in range(-3, 4)
        for later in range(-3, 4)
    ]
    split = DataFolder(data).spec.split
    assert isinstance(split, TimeSplit) and len(split.begins) == 2
    # What stands in the folder splits in the same way, given as times.
    eval_from, test_from = split.begins
    again = run(
        tmp_path, f"{{by: time, column: at, eval: '{eval_from}', test: '{test_from}'}}", *files
    )
    assert sides_of(again) == found
    data = run(tmp_path, "{by: last, columns: [user], order: at, eval: 2}", *files)
    assert sides_of(data) == last_of_each(table, 2, 1)


def test_the_spec_of_a_run_has_the_times_with_which_sides_begin(tmp_path: Path) -> None:
    to_csv(tmp_path / "a.csv", table_of())
    data = DataFolder(run(tmp_path, "{by: time, column: at}", tmp_path / "a.csv"))
    spec = chosen_spec(data, str(tmp_path / "spec.yaml"), ["training.epochs=1"])
    assert spec.split == data.spec.split
    times = data.statistics.times
    assert [times["eval"][0], times["test"][0]] == list(data.spec.split.begins)  # type: ignore[union-attr]
    assert times["train"][0] == str(min(table_of()["at"].to_pylist()))


def test_workers_and_a_cache_change_nothing(tmp_path: Path) -> None:
    table = table_of()
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for file, part in zip(files, (table[:150], table[150:]), strict=True):
        to_parquet(file, part)
    split = "{by: last, columns: [user], order: at}"
    two = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    for more in (two, *[("--cache", str(tmp_path / "cache"))] * 2):
        data = run(tmp_path, split, *files, more=more)
        assert sides_of(data) == last_of_each(table, 1, 1)
    # The same file beside another one: some of its rows are the last no more.
    later = with_times(table[:150], pa.array(range(START + 5 * ROWS, START + 5 * ROWS + 150)))
    to_parquet(files[1], later)
    data = run(tmp_path, split, *files, more=("--cache", str(tmp_path / "cache")))
    expected = last_of_each(pa.concat_tables([table[:150], later]), 1, 1)
    said = DataFolder(data).statistics
    assert said.rows["train"] == len(expected["train"])
    assert said.distributions["x"]["values"] == len(expected["train"])


def test_a_row_is_split_by_itself_and_each_is_tested_in_one_fold(tmp_path: Path) -> None:
    # Rows that are all the same, which a hash of what they hold would leave on one side.
    table = table_of().set_column(2, "user", pa.array(["u"] * ROWS))
    to_csv(tmp_path / "a.csv", table)
    to_parquet(tmp_path / "a.parquet", table)
    by_row = sides_of(run(tmp_path, "{by: row}", tmp_path / "a.csv"))
    assert sides_of(run(tmp_path, "{by: row}", tmp_path / "a.parquet")) == by_row
    # Four standard deviations of a binomial with 400 draws.
    assert all(abs(len(by_row[side]) - 40) < 24 for side in SIDES[1:])
    tested: list[int] = []
    for fold in (1, 2, 3):
        found = sides_of(run(tmp_path, f"{{by: row, fold: {fold}/3}}", tmp_path / "a.csv"))
        assert sorted(row for side in found.values() for row in side) == list(range(ROWS))
        tested += found["test"]
    assert sorted(tested) == list(range(ROWS))


def test_rows_without_a_time_are_rejected(tmp_path: Path) -> None:
    table = table_of()
    said: list[Any] = [str(at) for at in table["at"].to_pylist()]
    said[3], said[7] = None, "soon"
    to_csv(tmp_path / "a.csv", with_times(table, pa.array(said)))
    for split in ("{by: time, column: at}", "{by: last, columns: [user], order: at}"):
        data = run(tmp_path, split, tmp_path / "a.csv")
        (file,) = (data / "rejected").iterdir()
        found = [json.loads(line) for line in file.read_text().splitlines()]
        assert [(one["row"], one["column"], one["reason"], one["text"]) for one in found] == [
            (4, "at", "missing", ""),
            (8, "at", "not_a_time", "soon"),
        ]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("{by: time, column: at, eval: 2024-01-01, test: 2023-01-01}", "eval must begin before"),
        ("{by: time, column: at, eval: 2023, test: 2024-01-01}", "with times of one kind"),
        ("{by: time, column: at, eval: soon, test: later}", "shares, ISO days and times"),
        ("{by: time, column: at, eval: 2, test: 1.7e12}", r"'1.7e12'; they are eval 17000"),
        (
            "{by: file, eval: ['a*'], test: ['*.csv']}",
            "must not match patterns of eval and of test",
        ),
        ("{by: time, column: day, eval: 0.1}", "a time for each side. Received: 2 different"),
        ("{by: time, column: mixed, eval: 0.1}", "200 days and times, 200 numbers"),
        ("{by: last, columns: [user], order: mixed}", "200 days and times, 200 numbers"),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused(tmp_path: Path, split: str, message: str) -> None:
    table = table_of().append_column("day", pa.array(["2024-01-01", "2024-01-02"] * (ROWS // 2)))
    table = table.append_column("mixed", pa.array(["2024-01-01", "2024"] * (ROWS // 2)))
    to_csv(tmp_path / "a.csv", table)
    with pytest.raises(Failure, match=message) as failure:
        run(tmp_path, split, tmp_path / "a.csv")
    assert failure.value.exit_code == Exit.USAGE
    assert not (tmp_path / "data").exists()
