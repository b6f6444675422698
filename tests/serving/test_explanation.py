"""Explanations of answers: what rows say that were emptied by hand and scored."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from small_run import exported, small_rows

from kinds.columns import cast
from kinds.heads.evidence import Evidence, among_all, by_itself, log_odds
from pipeline.failures import Exit, Failure
from serving import score
from serving.explanation.parts import elements_of, inputs_of
from serving.scorer import Scorer

Array = np.ndarray[Any, Any]

MODEL = exported() / "model" / "model.onnx"
INPUTS = ["word", "previous", "age", "size", "place"]
COUNT = 300


@functools.cache
def scorer() -> Scorer:
    return Scorer(MODEL)


@functools.cache
def sample() -> pa.Table:
    """Rows whose numbers are small, so that few answers are all but certain."""
    rows = small_rows(COUNT)
    at = rows.schema.get_field_index("place")
    return rows.set_column(at, "place", pc.divide(rows["place"], 40.0))


@functools.cache
def explained() -> pa.Table:
    return scorer().explain(sample())


def typed(rows: pa.Table) -> pa.RecordBatch:
    (batch,) = rows.combine_chunks().to_batches()
    return cast(batch, scorer().metadata.fields)[0]


def without(column: str) -> pa.RecordBatch:
    """The rows as the model reads them, with nothing in a column."""
    full = typed(sample())
    fields = [field for field in scorer().metadata.fields if field.column == column]
    for field in fields:
        at = full.schema.get_field_index(field.output)
        nothing = pa.nulls(COUNT, field.type)
        if pa.types.is_floating(field.type):
            nothing = pa.array(np.full(COUNT, np.nan, np.float32))
        full = full.set_column(at, full.schema.field(at), nothing)
    return full


def odds(probabilities: Array) -> Array:
    """NaN where float32 does not tell a probability from 1 well."""
    p = probabilities.astype(np.float64)
    p = np.where((p > 0) & (p < 0.999), p, np.nan)
    return np.log(p) - np.log1p(-p)


def assert_close(got: Array, expected: Array, where: str = "") -> None:
    """Where the expectation is told."""
    told = ~np.isnan(expected)
    assert told.sum() > COUNT / 5, where
    np.testing.assert_allclose(got[told], expected[told], rtol=2e-3, atol=4e-4, err_msg=where)


def leanings(rows: pa.RecordBatch, answers: dict[str, list[str]]) -> dict[str, Array]:
    """Log odds of the answers, or the numbers, out of scores of all labels."""
    got = scorer().score_typed(rows, 10)
    found = {
        "ends": odds(got["ends.score"].to_numpy()),
        "left": got["left.value"].to_numpy(),
        "many": got["many.value"].to_numpy(),
    }
    for head, own in answers.items():
        lists = zip(
            *(got[f"{head}.{name}"].to_pylist() for name in ("labels", "scores")), own, strict=True
        )
        p = np.array([scores[labels.index(answer)] for labels, scores, answer in lists])
        found[head] = odds(p)
    return found


def first_answers() -> dict[str, list[str]]:
    return {
        head: [labels[0] for labels in explained()[f"{head}.labels"].to_pylist()]
        for head in ("next", "tags")
    }


def shares(table: pa.Table, head: str, name: str) -> Array:
    """float [rows]: the share of one input; NaN where it is not told."""
    lists = zip(*(table[f"{head}.{of}"].to_pylist() for of in ("reasons", "shares")), strict=True)
    return np.array([dict(zip(*pair, strict=True)).get(name, np.nan) for pair in lists])


@pytest.mark.parametrize("column", INPUTS)
def test_a_share_is_what_the_answer_loses_without_the_column(column: str) -> None:
    full = leanings(typed(sample()), first_answers())
    emptied = leanings(without(column), first_answers())
    for head, value in full.items():
        expected = value - emptied[head]
        got = shares(explained(), head, column)
        assert_close(got, expected, head)


def test_reasons_are_all_inputs_and_the_greatest_come_first() -> None:
    for head in ("next", "left"):
        sizes = np.abs(np.array(explained()[f"{head}.shares"].to_pylist()))
        assert sizes.shape == (COUNT, len(INPUTS))
        assert (sizes[:, 1:] <= sizes[:, :-1]).all()
        assert {tuple(sorted(of)) for of in explained()[f"{head}.reasons"].to_pylist()} == {
            tuple(sorted(INPUTS))
        }


def test_scores_are_those_without_explanations() -> None:
    plain = scorer().score(sample())
    assert explained().select(plain.schema.names).equals(plain)


def test_most_keeps_the_first_reasons() -> None:
    some = scorer().explain(sample(), 2, heads=["next"])
    assert some.schema.names == [
        *("key", "next.labels", "next.scores", "next.reasons", "next.shares")
    ]
    for name in ("next.reasons", "next.shares"):
        kept = [of[:2] for of in explained()[name].to_pylist()]
        assert some[name].to_pylist() == kept


def test_a_missing_column_changes_nothing() -> None:
    missing = pc.is_null(sample()["age"]).to_numpy()
    got = shares(explained(), "next", "age")
    assert missing.any()
    assert (got[missing] == 0).all() and (got[~missing] != 0).all()


def test_shapley_shares_sum_to_the_difference_from_the_empty_row() -> None:
    got = scorer().explain(sample(), shapley=True)
    empty = typed(sample())
    for column in INPUTS:
        emptied = without(column)
        for field in scorer().metadata.fields:
            if field.column == column:
                at = empty.schema.get_field_index(field.output)
                empty = empty.set_column(at, empty.schema.field(at), emptied[field.output])
    full = leanings(typed(sample()), first_answers())
    for head, value in leanings(empty, first_answers()).items():
        sums = np.array([sum(of) for of in got[f"{head}.shares"].to_pylist()])
        assert_close(sums, full[head] - value, head)


def test_an_element_is_taken_out_of_its_list_and_others_move_up() -> None:
    rows = sample()
    lists = rows["previous"].to_pylist()
    got = scorer().explain(rows, elements=True, heads=["next", "left"])
    full = leanings(typed(rows), {"next": first_answers()["next"]})
    for back in (1, 2, 4):
        # The model reads four: what lies before them does not come in for an element.
        last = [of[-4:] for of in lists]
        cut = [of[: len(of) - back] + of[len(of) - back + 1 :] for of in last]
        there = np.array([len(of) >= back and bool(of[-back]) for of in lists])
        at = rows.schema.get_field_index("previous")
        other = rows.set_column(at, rows.schema.field(at), pa.array(cut, pa.list_(pa.string())))
        expected = leanings(typed(other), {"next": first_answers()["next"]})
        for head in ("next", "left"):
            found = shares(got, head, f"previous.last{'' if back == 1 else back}")
            assert np.isnan(found[~there]).all()
            assert_close(found[there], (full[head] - expected[head])[there], head)


def test_another_answer_can_be_asked_about() -> None:
    got = scorer().explain(sample(), answers={"next": "maybe", "tags": "blue"})
    asked = {"next": ["maybe"] * COUNT, "tags": ["blue"] * COUNT}
    full, emptied = (leanings(rows, asked) for rows in (typed(sample()), without("word")))
    for head in asked:
        found = shares(got, head, "word")
        assert_close(found, full[head] - emptied[head], head)


@pytest.mark.parametrize(
    ("answers", "rule"),
    [
        ({"next": "mabye"}, "one of the 6 labels of next; near it: 'maybe'"),
        ({"left": "3"}, "must name a head with labels"),
        ({"nxt": "yes"}, "a head must be one of"),
    ],
)
def test_an_answer_that_is_none_is_refused(answers: dict[str, str], rule: str) -> None:
    with pytest.raises(Failure, match=rule) as failure:
        scorer().explain(sample(), answers=answers)
    assert failure.value.exit_code == Exit.USAGE


@pytest.mark.parametrize("size", [1, 7, 256])
def test_shares_do_not_depend_on_the_batch(size: int) -> None:
    rows = sample()
    parts = [scorer().explain(rows.slice(start, size)) for start in range(0, 3 * size, size)]
    whole, joined = explained().slice(0, 3 * size), pa.concat_tables(parts).slice(0, COUNT)
    for head in ("next", "tags", "left"):
        for name in INPUTS:
            one, other = shares(joined, head, name), shares(whole, head, name)
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_no_rows_are_explained_by_no_rows() -> None:
    got = scorer().explain(small_rows(1).slice(0, 0))
    assert got.num_rows == 0
    assert got.schema == explained().schema


def test_parts_are_columns_and_elements_of_lists() -> None:
    metadata = scorer().metadata
    assert [part.name for part in inputs_of(metadata)] == INPUTS
    names = [part.name for part in elements_of(metadata)]
    assert names == [f"previous.last{back}" for back in ("", "2", "3", "4")]


def test_files_get_the_columns_that_python_gets(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(sample(), tmp_path / "rows.parquet")
    line = ["--model", str(MODEL), "--input", str(tmp_path / "rows.parquet"), "--output"]
    score.run([*line, str(tmp_path / "wide.parquet"), "--explain", "2", "--heads", "next"])
    got = pyarrow.parquet.read_table(tmp_path / "wide.parquet")
    expected = scorer().explain(sample(), 2, heads=["next"])
    assert got.schema.names == expected.schema.names
    assert got["next.reasons"].to_pylist() == expected["next.reasons"].to_pylist()
    score.run([*line, str(tmp_path / "long.csv"), "--explain", "1", "--long", "--top-k", "1"])
    assert (tmp_path / "long.csv").read_text().startswith('"key","next.reasons","next.shares",')


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--samples", "8"], "need --explain"),
        (["--explain", "3", "--samples", "8"], "goes with --explain shapley"),
        (["--explain", "three"], "takes a number of inputs, from 1 on, and the words"),
        (["--explain", "0"], "takes a number of inputs, from 1 on, and the words"),
        (["--explain", "shapley", "elements"], "elements are taken out one by one"),
        (["--explain", "1", "--answer", "next"], "takes HEAD=LABEL"),
        (["--explain", "1", "--heads", "left", "--answer", "next=yes"], "a head that is scored"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, options: list[str], rule: str
) -> None:
    pyarrow.parquet.write_table(small_rows(3), tmp_path / "rows.parquet")
    line = ["--model", str(MODEL), "--input", str(tmp_path / "rows.parquet"), "--output"]
    with pytest.raises(Failure, match=rule) as failure:
        score.run([*line, str(tmp_path / "s.csv"), *options])
    assert failure.value.exit_code == Exit.USAGE


def test_log_odds_hold_where_an_answer_is_all_but_certain() -> None:
    own, others = np.array([60.0, -60.0, 2.0]), np.array([0.0, 0.0, 2.0])
    none, one = np.zeros(3), np.ones(3)
    np.testing.assert_allclose(among_all(Evidence(own, others, one, none, none)), own - others)
    np.testing.assert_allclose(by_itself(Evidence(own, none, one, none, none)), own, rtol=1e-6)
    assert np.isfinite(log_odds(np.array([1e-30, 0.5, 1.0]))).all()


def test_log_odds_of_a_mixture_are_those_of_its_probability() -> None:
    logits = np.array([1.0, 0.3, -2.0])
    softmax = np.exp(logits) / np.exp(logits).sum()
    share, masses = 0.6, np.array([0.3, 0.1, 0.0])
    p = (share * softmax + masses)[0]
    said = [logits[0], np.log(np.exp(logits[1:]).sum()), share, masses[0], masses[1:].sum()]
    evidence = Evidence(*(np.array([one]) for one in said))
    np.testing.assert_allclose(among_all(evidence), np.log(p / (1 - p)))
    yes = share / (1 + np.exp(-logits[0])) + masses[0]
    np.testing.assert_allclose(by_itself(evidence), np.log(yes / (1 - yes)))
