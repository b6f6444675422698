"""The scorer: one file, checked; the same scores for a row wherever it stands."""

import functools
import hashlib
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas
import polars
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from small_run import WORDS, exported, small_rows

from pipeline.failures import Exit, Failure
from serving.given_rows import as_arrow
from serving.model_file.unknown import Usual
from serving.scorer import Scorer

MODEL = "model.onnx"


@functools.cache
def scorer() -> Scorer:
    return Scorer(exported() / "model" / MODEL)


def copied(folder: Path) -> Path:
    shutil.copytree(exported() / "model", folder / "model")
    return folder / "model" / MODEL


def assert_close(one: pa.Table, other: pa.Table) -> None:
    assert one.schema == other.schema
    for name in one.schema.names:
        left, right = (t.column(name).combine_chunks() for t in (one, other))
        if pa.types.is_list(left.type):
            assert left.value_lengths().equals(right.value_lengths())
            left, right = left.flatten(), right.flatten()
        if pa.types.is_floating(left.type):
            np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-6)
        else:
            assert left.equals(right), name


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_scores_do_not_depend_on_the_batch(size: int) -> None:
    rows = small_rows(1000)
    whole = scorer().score(rows)
    parts = [scorer().score(rows.slice(start, size)) for start in range(0, 1000, size)]
    assert_close(pa.concat_tables(parts), whole)


def test_columns_are_keys_then_the_outputs_of_each_head() -> None:
    got = scorer().score(small_rows(5))
    assert got.schema.names == [
        *("key", "next.labels", "next.scores", "tags.labels", "tags.scores"),
        *("ends.score", "left.value", "many.value"),
    ]
    assert got.column("key").to_pylist() == [f"row {i}" for i in range(5)]


def test_scores_fall_from_rank_to_rank_and_k_is_what_was_asked() -> None:
    got = scorer().score(small_rows(50), top_k=5)
    scores = np.stack(got.column("next.scores").to_pylist())
    assert scores.shape == (50, 5)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert pc.list_value_length(got.column("tags.labels")).unique().to_pylist() == [3]


def test_only_the_heads_asked_for_are_there() -> None:
    got = scorer().score(small_rows(3), heads=["left", "next"])
    assert got.schema.names == ["key", "next.labels", "next.scores", "left.value"]
    with pytest.raises(Failure, match=r"a head must be one of") as failure:
        scorer().score(small_rows(3), heads=["rest"])
    assert failure.value.exit_code == Exit.USAGE


def test_unseen_and_missing_values_are_scored_as_such() -> None:
    rows = small_rows(1).to_pylist()[0]
    unseen = [dict(rows, word=word) for word in ("never seen", "nor this", "", None)]
    got = scorer().score(pa.Table.from_pylist(unseen, schema=small_rows(1).schema))
    values = got.column("left.value").to_pylist()
    assert values[0] == values[1]
    assert values[2] == values[3]
    assert values[0] != values[2]


def test_columns_of_other_types_are_read_as_text_and_numbers() -> None:
    rows = small_rows(4)
    texts = rows.set_column(3, "age", rows.column("age").cast(pa.string()))
    assert_close(scorer().score(texts), scorer().score(rows))


def test_no_rows_give_no_scores() -> None:
    empty = small_rows(3).slice(0, 0)
    assert scorer().score(empty).num_rows == 0
    assert scorer().score(empty).schema == scorer().score(small_rows(1)).schema


def test_rows_are_taken_as_a_program_has_them() -> None:
    rows = small_rows(30)
    expected = scorer().score(rows)
    columns = {name: rows.column(name).to_pylist() for name in rows.column_names}
    frame = rows.to_pandas()
    frame["beside"] = [object()] * 30
    given = {
        "batch": rows.combine_chunks().to_batches()[0],
        "pandas": frame,
        "polars": polars.from_arrow(rows),
        "dict of lists": columns,
        "dict of arrays": {name: frame[name].to_numpy() for name in rows.column_names},
        "dict of series": {name: polars.Series(values) for name, values in columns.items()},
        "list of dicts": rows.to_pylist(),
        "dicts that lack what is missing": [
            {name: value for name, value in row.items() if value is not None and value == value}
            for row in rows.to_pylist()
        ],
    }
    for some in given.values():
        got = scorer().score(some)
        keys = got.column("key").cast(pa.string())
        assert_close(got.set_column(0, "key", keys), expected)
    categories = polars.DataFrame(polars.from_arrow(rows)).with_columns(
        polars.col("word").cast(polars.Categorical), polars.col("key").cast(polars.Categorical)
    )
    keys = scorer().score(categories).column("key").cast(pa.string())
    assert_close(scorer().score(categories).set_column(0, "key", keys), expected)
    assert scorer().score([]).num_rows == 0
    # A row without a key is a row; here one of them must be there.
    with pytest.raises(Failure, match="missing in column 'place'"):
        scorer().score([{}])
    assert scorer().score(frame.head(0)).num_rows == 0


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (np.zeros((2, 2)), "rows are a pyarrow.Table, a frame of pandas or Polars, a dict of co"),
        ("rows.csv", "rows are a pyarrow.Table, .* Received: str"),
        (pandas.Series([1]), "rows are a pyarrow.Table, .* Received: Series"),
        ({"word": "cat"}, "'word' must be a list of its values; one row is a list of one dict"),
        ({"word": ["cat"], "age": [1, 2]}, "all columns must be equally long"),
        ({"word": ["cat", 7]}, "one type that Arrow has. Received: 'word': "),
        (pandas.DataFrame({"word": ["cat", 7]}), "one type that Arrow has"),
        ([{"wrod": "cat"}], r"missing: .*'word'.*Received: \['wrod'\]"),
        (small_rows(2).append_column("word", pa.array(["a", "b"])), "a column must be named once"),
        (pandas.DataFrame({"WORD": ["cat"]}), r"near 'word': 'WORD'\. Received: \['WORD'\]"),
        (pandas.DataFrame({("a", "word"): ["cat"]}), r"Received: .*'a', 'word'"),
        (pandas.DataFrame({0: ["cat"]}), r"Received: \['0'\]"),
        ([{"word": "cat", "age": 2**70}], "one type that Arrow has. Received: 'age': "),
    ],
)
def test_what_is_no_rows_is_one_message(given: object, rule: str) -> None:
    with pytest.raises(Failure, match=rule) as failure:
        scorer().score(given)
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("top_k", [0, -1, "5", 1.5, True, 2**31, 10**30])
def test_a_wrong_top_k_is_one_message(top_k: Any) -> None:
    with pytest.raises(Failure, match=r"top_k must be a whole number from 1 to 2,147") as failure:
        scorer().score(small_rows(1), top_k=top_k)
    assert failure.value.exit_code == Exit.USAGE
    assert scorer().score(small_rows(1), 2, heads="next").num_columns == 3


def test_a_column_that_the_model_reads_may_have_the_labels_to_leave_out() -> None:
    rows = small_rows(5)
    wished = {"next": "previous"}
    expected = scorer().score(rows, exclude=wished)
    for given in (rows.to_pandas(), rows.to_pylist(), polars.from_arrow(rows)):
        got = scorer().score(given, exclude=wished)
        assert got.column("next.labels").to_pylist() == expected.column("next.labels").to_pylist()


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"heads": []}, "heads must name a head"),
        ({"exclude": {"next": 3}}, "exclude takes the name of a column or a list of labels"),
        ({"only": {"next": {"a": 1}}}, "only takes the name of a column or a list of labels"),
    ],
)
def test_what_is_asked_wrongly_is_one_message(asked: dict[str, Any], rule: str) -> None:
    with pytest.raises(Failure, match=rule) as failure:
        scorer().score(small_rows(2), **asked)
    assert failure.value.exit_code == Exit.USAGE


def test_missing_columns_are_named() -> None:
    with pytest.raises(Failure, match=r"age.*word") as failure:
        scorer().score(small_rows(2).drop_columns(["word", "age"]))
    assert failure.value.exit_code == Exit.USAGE


def test_a_row_that_does_not_fit_is_named() -> None:
    rows = small_rows(1).to_pylist()
    bad = pa.Table.from_pylist([dict(rows[0], place=None)], schema=small_rows(1).schema)
    with pytest.raises(Failure, match="missing in column 'place'") as failure:
        scorer().score(bad)
    assert failure.value.exit_code == Exit.BAD_ROWS


@pytest.mark.parametrize("at", [0, 1000, -1])
def test_one_changed_byte_is_refused(tmp_path: Path, at: int) -> None:
    path = copied(tmp_path)
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(Failure, match="differs from") as failure:
        Scorer(path)
    assert failure.value.exit_code == Exit.INTEGRITY


def test_without_its_sha256_a_file_loads_unchecked_only(tmp_path: Path) -> None:
    path = copied(tmp_path)
    path.with_name("model.onnx.sha256").unlink()
    with pytest.raises(Failure, match=r"model.onnx.sha256 must lie beside") as failure:
        Scorer(path)
    assert failure.value.exit_code == Exit.INTEGRITY
    assert Scorer(path, unchecked=True).metadata == scorer().metadata


def test_a_file_with_its_own_sha256_must_still_hold_known_parts_only(tmp_path: Path) -> None:
    path = copied(tmp_path)
    model = onnx.load(path)
    model.graph.node[0].domain = "evil.example"
    content = model.SerializeToString()
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    path.with_name("model.onnx.sha256").write_text(f"{digest}  {MODEL}\n")
    with pytest.raises(Failure, match=r"evil\.example") as failure:
        Scorer(path)
    assert failure.value.exit_code == Exit.INTEGRITY


def test_a_missing_model_is_usage(tmp_path: Path) -> None:
    with pytest.raises(Failure) as failure:
        Scorer(tmp_path / "none.onnx")
    assert failure.value.exit_code == Exit.USAGE


# Of pyarrow, which reads pandas' times with a zone in a way that pandas will change.
@pytest.mark.filterwarnings("ignore:Series.values returning an ndarray:DeprecationWarning")
@pytest.mark.parametrize("with_zone", [True, False])
def test_values_of_another_kind_are_not_scored_in_silence(
    with_zone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program gets as a warning what the command says in a line."""
    usual = {"word": Usual(len(WORDS), 0.01)}
    monkeypatch.setattr("serving.model_file.metadata.Metadata.usual", lambda metadata: usual)
    rows = small_rows(200)
    times = pandas.date_range("2024-01-01", periods=200, tz="UTC" if with_zone else None)
    others = rows.to_pandas().assign(word=times)
    loaded = Scorer(exported() / "model" / MODEL)
    with pytest.warns(UserWarning) as told:
        loaded.score(others)
    said = "\n".join(str(one.message) for one in told)
    assert "OTHER_TYPE of word: it has times in these rows" in said
    with pytest.warns(UserWarning, match="UNKNOWN_VALUES of word: 100.0% of its values"):
        loaded.score(rows.to_pandas().assign(word=[f"new {at}" for at in range(200)]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded.score(rows)


def test_periods_are_read_as_pandas_writes_them() -> None:
    months = pandas.Series(pandas.period_range("2023-11", periods=3, freq="M"))
    months[1] = None
    written = ["2023-11", None, "2024-01"]
    for given in (pandas.DataFrame({"month": months}), {"month": months}):
        assert pa.table(as_arrow(given, ["month"])).to_pydict() == {"month": written}
