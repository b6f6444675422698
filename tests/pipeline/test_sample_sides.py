"""Samples of rows that train, where the split looks at all rows: none of them is held out."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline.fields import fields_of
from pipeline.preparing import choosing, even_sample, sample_sides
from pipeline.preparing.reading import ReadTrainingRows
from pipeline.rows.csv_dialect import AS_FOUND
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

ROWS, DAYS, PEOPLE = 3000, 30, 100
SPEC = """
name: sampled
vocabularies: {{maker: {{}}, who: {{}}, what: {{}}}}
inputs:
  maker: {{kind: category, vocabulary: maker}}
  who: {{kind: category, vocabulary: who}}
  when: {{kind: date, parts: [day, weekday]}}
heads:
  what: {{kind: classification, vocabulary: what}}
  price: {{kind: regression}}
memory: auto
split: {split}
"""
BY_TIME = "{by: time, column: when, eval: 0.1, test: 0.2}"
BY_LAST = "{by: last, columns: [who], order: when}"
BY_GIVEN = "{by: time, column: when, eval: 2024-03-20, test: 2024-03-25}"


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Rows of thirty days, whose price follows the maker and, as much, the day."""
    draw = np.random.default_rng(5)
    day, maker = draw.integers(0, DAYS, ROWS), draw.integers(0, 8, ROWS)
    ofs = [draw.normal(0, 1, count) for count in (DAYS, 8)]
    return pa.table(
        {
            "maker": [f"m{one}" for one in maker],
            "who": [f"p{one}" for one in draw.integers(0, PEOPLE, ROWS)],
            "when": [f"2024-03-{one + 1:02}" for one in day],
            "what": [f"w{one}" for one in maker // 2],
            "price": ofs[0][day] + ofs[1][maker] + draw.normal(0, 0.1, ROWS),
        }
    )


@pytest.fixture(scope="module")
def path(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> str:
    made = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pyarrow.parquet.write_table(table, made)
    return str(made)


def trained(table: pa.Table, by: str) -> npt.NDArray[np.bool_]:
    """Which rows train, row by row."""
    days = table.column("when").to_pylist()
    if by == BY_GIVEN:
        return np.array([day < "2024-03-20" for day in days])
    if by == BY_TIME:
        shares = {day: np.mean([other >= day for other in days]) for day in {*days}}
        begin = min(shares, key=lambda day: abs(shares[day] - 0.3))
        return np.array([day < begin for day in days])
    who = table.column("who").to_pylist()
    own = [[at for at in range(ROWS) if who[at] == one] for one in {*who}]
    rows = {at for one in own for at in sorted(one, key=lambda at: (days[at], at))[:-2]}
    return np.array([at in rows for at in range(ROWS)])


def sampled(spec: Spec, path: str) -> pa.RecordBatch:
    fields = fields_of(spec)
    reader = ReadTrainingRows([path], fields, spec.split)
    sample, _ = even_sample.even_sample(reader, [path], AS_FOUND)
    assert sample is not None
    return sample_sides.training(spec.split, fields, sample)


@pytest.mark.parametrize("by", [BY_TIME, BY_GIVEN, BY_LAST])
def test_of_all_rows_those_are_left_that_train(by: str, table: pa.Table, path: str) -> None:
    sample = sampled(parse_spec(SPEC.format(split=by)), path)
    wanted = table.filter(pa.array(trained(table, by)))
    assert sample.column("price").to_pylist() == pytest.approx(wanted.column("price").to_pylist())


def test_of_some_rows_none_is_left_that_is_held_out(
    table: pa.Table, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(even_sample, "ROWS", 1600)
    sample = sampled(parse_spec(SPEC.format(split=BY_LAST)), path)
    left, wanted = (
        {*of.column("price").cast(pa.float32()).to_pylist()}
        for of in (sample, table.filter(pa.array(trained(table, BY_LAST))))
    )
    assert 500 < sample.num_rows < 1600 and left <= wanted


def test_averages_by_values_that_do_not_come_again_are_not_chosen(path: str) -> None:
    """The days of the month tell most of the price, and rows to come have other days."""
    hashed = "{by: hash, columns: [who]}"
    memories = {}
    for by in (hashed, BY_TIME):
        spec = parse_spec(SPEC.format(split=by))
        chosen = choosing.chosen(spec, fields_of(spec), [path], AS_FOUND)
        memories[by] = [chosen.memories[one].of for one in chosen.heads["price"].memories()]
    assert any("when.day" in of for of in memories[hashed])
    assert not any("when.day" in of for of in memories[BY_TIME])
    assert any("maker" in of for of in memories[BY_TIME])


def test_the_newest_training_rows_say_which_counts_help(path: str) -> None:
    spec = parse_spec(SPEC.format(split=BY_TIME))
    fields, sample = fields_of(spec), sampled(spec, path)
    newest = sample_sides.newest(spec.split, fields, sample, 0.1)
    assert newest is not None
    days = np.array([str(one)[:10] for one in sample.column("when").to_pylist()])
    assert max(days[~newest]) < min(days[newest]) and abs(newest.mean() - 0.1) < 0.03
    by_row = parse_spec(SPEC.format(split="{by: row}"))
    assert sample_sides.newest(by_row.split, fields_of(by_row), sample, 0.1) is None


SAID = "{by: column, column: side, eval: [eval]}"


@pytest.mark.parametrize("by", ["when", "price"])
def test_where_a_person_held_out_what_came_later_the_newest_rows_are_known(by: str) -> None:
    """By a day or by a number, but not where the others lie among the rows."""
    draw = np.random.default_rng(1)
    days = np.datetime64("2024-01-01", "s") + np.arange(100) * np.timedelta64(86_400, "s")
    columns = {"when": days, "price": np.arange(100.0) + 0.5}
    columns |= {name: draw.permutation(of) for name, of in columns.items() if name != by}
    rows = pa.RecordBatch.from_pydict({name: pa.array(of) for name, of in columns.items()})
    split = parse_spec(SPEC.format(split=SAID)).split
    fields = fields_of(parse_spec(SPEC.format(split=SAID)))

    def newest(own: pa.RecordBatch, others: pa.RecordBatch) -> list[int] | None:
        found = sample_sides.newest(split, fields, own, 0.1, others)
        return None if found is None else np.flatnonzero(found).tolist()

    assert newest(rows[:80], rows[80:]) == list(range(72, 80))
    assert newest(rows[:90], rows[90:]) is None  # ten may be later by chance
    unknown = rows.set_column(1, "price", pa.nulls(100, pa.float64()))
    if by == "price":
        assert newest(unknown[:80], unknown[80:]) is None
    mixed = draw.permutation(100)
    assert newest(rows.take(pa.array(mixed[:80])), rows.take(pa.array(mixed[80:]))) is None
