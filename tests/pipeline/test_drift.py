"""New rows against training rows: what moved is named, what did not is not."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from pipeline import drift, prepare
from pipeline.failures import Exit, Failure

SPEC = """
name: drifting
vocabularies: {cities: {}, words: {size: 50}}
inputs:
  city: {kind: category, vocabulary: cities}
  words: {kind: sequence, vocabulary: words, length: 3}
  price: {kind: number, scale: log}
  rooms: {kind: number, missing: reject}
heads:
  sold: {kind: binary}
split: {by: hash, columns: [id]}
"""
ROWS = 20_000


def _table(seed: int, **changed: Any) -> pa.Table:
    random = np.random.default_rng(seed)
    words = random.choice(["a", "b", "c", ""], (ROWS, 4)).tolist()
    columns = {
        "id": [f"{seed}-{i}" for i in range(ROWS)],
        "city": random.choice(["Rome", "Oslo", 'Bonn, "old"'], ROWS, p=[0.6, 0.3, 0.1]),
        "words": words,
        "price": random.lognormal(3, 1, ROWS),
        "rooms": random.integers(1, 6, ROWS),
        "sold": random.random(ROWS) < 0.3,
    }
    return pa.table({**columns, **changed})


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drift")
    (folder / "spec.yaml").write_text(SPEC)
    pyarrow.parquet.write_table(_table(1), folder / "rows.parquet")
    _prepare(folder, "data")
    return folder / "data"


def _prepare(folder: Path, output: str, *more: str) -> None:
    prepare.run(
        [
            *("--spec", str(folder / "spec.yaml"), "--input", str(folder / "rows.parquet")),
            *("--output", str(folder / output), *more),
        ]
    )


def _drift(data: Path, table: pa.Table, folder: Path, *more: str) -> dict[str, Any]:
    pyarrow.parquet.write_table(table, folder / "new.parquet")
    said = folder / "drift.json"
    files = ["--data", str(data), "--input", str(folder / "new.parquet"), "--json", str(said)]
    drift.run([*files, *more])
    found: dict[str, Any] = json.loads(said.read_text())
    return found


def test_rows_of_the_same_kind_do_not_drift(data: Path, tmp_path: Path) -> None:
    said = _drift(data, _table(2), tmp_path, "--fail-on-drift", "--infinity-norm", "0.02")
    assert said["rows"] == ROWS
    assert said["warnings"] == []
    measures = {one["of"]: one["measure"] for one in said["distances"]}
    assert measures == {
        **dict.fromkeys(["city", "words", "sold"], "infinity_norm"),
        **dict.fromkeys(["price", "rooms"], "jensen_shannon_divergence"),
    }


def test_what_moved_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(5)
    moved = _table(
        3,
        city=random.choice(["Rome", "Oslo", "Paris"], ROWS, p=[0.6, 0.2, 0.2]),
        price=random.lognormal(3.5, 1, ROWS),
        sold=random.random(ROWS) < 0.5,
    )
    said = _drift(data, moved, tmp_path, "--infinity-norm", "0.02")
    distances = {one["of"]: one for one in said["distances"]}
    assert distances["city"]["value"] == "Paris"
    assert distances["city"]["distance"] == pytest.approx(0.2, abs=0.01)
    assert distances["sold"]["distance"] == pytest.approx(0.2, abs=0.02)
    assert [(one["anomaly"], one["of"]) for one in said["warnings"]] == [
        ("COMPARATOR_L_INFTY_HIGH", "city"),
        ("COMPARATOR_L_INFTY_HIGH", "sold"),
        ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "price"),
    ]
    assert 'the value with the greatest difference is "Paris"' in capsys.readouterr().out
    with pytest.raises(Failure) as failure:
        _drift(data, moved, tmp_path, "--fail-on-drift", "--infinity-norm", "0.02")
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert str(failure.value).endswith("Received: city, sold, price")


def test_values_that_go_missing_drift(data: Path, tmp_path: Path) -> None:
    half = [None, "Rome"] * (ROWS // 2)
    said = _drift(data, _table(2, city=half, price=[None, 20.0] * (ROWS // 2)), tmp_path)
    distances = {one["of"]: one for one in said["distances"]}
    assert distances["city"]["value"] is None
    assert distances["city"]["distance"] == pytest.approx(0.5)
    assert distances["price"]["distance"] > 0.3


def test_rows_without_labels_are_compared_too(data: Path, tmp_path: Path) -> None:
    said = _drift(data, _table(2).drop_columns(["sold", "id"]), tmp_path)
    assert {one["of"] for one in said["distances"]} == {"city", "words", "price", "rooms"}


@pytest.mark.parametrize(
    ("table", "received"),
    [
        (_table(2).drop_columns(["price"]), "without ['price']"),
        (_table(2, price=["dear"] * ROWS), "not_a_number in column 'price'"),
        (_table(2, rooms=[[1]] * ROWS), "'rooms' must be readable as number"),
        (_table(2).slice(0, 0), "none"),
    ],
    ids=["missing", "text", "list", "empty"],
)
def test_a_missing_input_or_another_type_is_refused(
    data: Path, tmp_path: Path, table: pa.Table, received: str
) -> None:
    with pytest.raises(Failure) as failure:
        _drift(data, table, tmp_path)
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert received in str(failure.value)


def test_text_files_are_compared_with_typed_ones(data: Path, tmp_path: Path) -> None:
    table = _table(2).drop_columns(["words"])
    texts = [" ".join(word or "a" for word in row) for row in _table(2)["words"].to_pylist()]
    table = table.append_column("words", pa.array(texts))
    pyarrow.csv.write_csv(table, tmp_path / "new.csv")
    drift.run(
        [
            *("--data", str(data), "--input", str(tmp_path / "new.csv"), "--fail-on-drift"),
            *("--infinity-norm", "0.3"),
        ]
    )


def test_prepare_compares_a_new_day_with_an_earlier_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    pyarrow.parquet.write_table(_table(3, price=np.full(ROWS, 7.0)), tmp_path / "rows.parquet")
    _prepare(tmp_path, "data", "--compare", str(data))
    said = json.loads((tmp_path / "data" / "statistics.json").read_text())
    assert {one["of"] for one in said["drift"]} == {"city", "words", "price", "rooms", "sold"}
    high = [one for one in said["warnings"] if one["anomaly"].startswith("COMPARATOR_JENSEN")]
    assert [one["of"] for one in high] == ["price"]
    with pytest.raises(Failure) as failure:
        _prepare(tmp_path, "again", "--compare", str(data), "--fail-on-drift")
    assert failure.value.exit_code == Exit.BAD_ROWS
    assert not (tmp_path / "again").exists()


def test_the_time_that_decides_the_split_is_later_without_a_warning(tmp_path: Path) -> None:
    said = """
      name: later
      inputs: {day: {kind: date}, rooms: {kind: number}}
      heads: {sold: {kind: binary}}
      split: {by: time, column: day, eval: 0.1, test: 0.1}
    """
    (tmp_path / "spec.yaml").write_text(said)
    random, days = np.random.default_rng(3), np.datetime64("2024-01-01") + np.arange(600)
    rooms = random.integers(1, 6, 600)

    def write(days: np.ndarray, rooms: np.ndarray) -> None:
        table = pa.table({"day": days, "rooms": rooms, "sold": rooms > 2})
        pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")

    write(days, rooms)
    _prepare(tmp_path, "data")
    write(days + 600, rooms + 9)
    said_to = ["--data", str(tmp_path / "data"), "--input", str(tmp_path / "rows.parquet")]
    drift.run([*said_to, "--json", str(tmp_path / "drift.json")])
    found = json.loads((tmp_path / "drift.json").read_text())
    assert {one["of"]: one["distance"] for one in found["distances"]}["day"] > 0.9
    assert {one["of"] for one in found["warnings"]} == {"rooms", "sold"}
