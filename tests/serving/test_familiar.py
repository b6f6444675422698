"""What a model knows of rows: counts and distances that are made here once more."""

import functools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest
from small_run import LABELS, WORDS, exported, small_rows, training_rows

from kinds.analysis import Analysis
from kinds.columns import Field, cast
from pipeline.failures import Exit, Failure
from serving import score
from serving.ask import answer
from serving.familiarity.familiar import Familiar
from serving.familiarity.surprise import Surprise
from serving.files.set_aside import aside_of
from serving.model_file.metadata import Metadata
from serving.model_file.unknown import Usual
from serving.scorer import Scorer
from serving.scoring.asked import Asked

MODEL = exported() / "model" / "model.onnx"
COUNT = 200


def scored(folder: Path, rows: pa.Table, *more: str, name: str = "s.parquet") -> pa.Table:
    pyarrow.parquet.write_table(rows, folder / "rows.parquet")
    line = ["--model", str(MODEL), "--input", str(folder / "rows.parquet"), "--force"]
    score.run([*line, "--output", str(folder / name), *more])
    return pyarrow.parquet.read_table(folder / name)


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file of a run that prepare has made says of its vocabularies."""
    said = {name: Usual(len(WORDS), 0.5) for name in ("word", "before", "last", "story")}
    monkeypatch.setattr(Metadata, "usual", lambda _: said)


@functools.cache
def scorer() -> Scorer:
    return Scorer(MODEL)


def test_known_values_are_those_of_vocabularies_and_numbers_that_are_there(tmp_path: Path) -> None:
    rows = small_rows(COUNT)
    got = scored(tmp_path, rows, "--known")
    # previous is read by three inputs, size by two.
    for row, values, known in zip(
        rows.to_pylist(), *(got[f"row.{name}"].to_pylist() for name in ("values", "known")),
        strict=True,
    ):  # fmt: skip
        texts = [row["word"]] + [w for last in (4, 2, 4) for w in row["previous"][-last:]]
        there = [text for text in texts if text]
        numbers = sum(n is not None for n in (row["age"], row["size"], row["size"], row["place"]))
        assert values == len(there) + numbers
        assert known == sum(text in WORDS for text in there) + numbers


def test_the_support_is_the_count_of_the_first_answer(tmp_path: Path) -> None:
    got = scored(tmp_path, small_rows(COUNT), "--known", "--heads", "next", "left")
    answers = [labels[0] for labels in got["next.labels"].to_pylist()]
    assert got["next.support"].to_pylist() == [7 * LABELS.index(one) for one in answers]
    assert "left.support" not in got.schema.names


def test_python_gives_what_files_get(tmp_path: Path) -> None:
    got = scored(tmp_path, small_rows(COUNT), "--known", "--heads", "next")
    assert scorer().known(small_rows(COUNT), heads=["next"]).equals(got)


def surprise(kind: str, values: list[object], training: dict[str, object]) -> list[float]:
    (batch,) = pa.table({"x": values}).to_batches()
    return Surprise(Analysis(Field("x", kind)), training).of(batch).tolist()  # type: ignore[arg-type]


def test_a_text_is_as_surprising_as_texts_so_rare_are_rare() -> None:
    top = [["a", 60], ["b", 20], ["c", 20]]
    training = {"values": 110, "missing": 38, "top": top, "unlisted": 5}
    got = surprise("text", ["a", "b", "c", "other", None], training)
    shares = [1.0, 50 / 110, 50 / 110, 10 / 110, 39 / 150]
    np.testing.assert_allclose(got, -np.log(shares))


def test_a_number_is_as_surprising_as_it_is_far_out() -> None:
    training = {"values": 1000, "missing": 0, "percentiles": [float(n) for n in range(101)]}
    middle, low, high, beyond, far, missing = surprise(
        "number", [50.0, 4.0, 96.0, 200.0, 1e6, np.nan], training
    )
    assert middle == 0
    np.testing.assert_allclose([low, high], -np.log(2 * 5 / 101))
    assert high < beyond < far < 20
    np.testing.assert_allclose(missing, -np.log(1 / 1002))


def test_training_rows_are_near_one_and_others_are_farther(tmp_path: Path) -> None:
    usual = scored(tmp_path, training_rows(), "--known")["row.distance"].to_numpy()
    assert 0.4 < usual.mean() < 1.1
    at = training_rows().schema.get_field_index("age")
    odd = training_rows().set_column(at, "age", pa.array(np.full(1000, 1e5)))
    got = scored(tmp_path, odd, "--known")
    assert (got["row.distance"].to_numpy() > usual).mean() > 0.99
    assert set(got["row.farthest"].to_pylist()) == {"age"}


def test_rows_are_set_aside_into_a_file_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = scored(tmp_path, small_rows(COUNT), "--known")
    kept = scored(tmp_path, small_rows(COUNT), "--flag-unknown", "1.2", "--top-k", "1")
    aside = pyarrow.parquet.read_table(aside_of(tmp_path / "s.parquet"))
    assert f"{aside.num_rows} rows set aside" in capsys.readouterr().out
    hardly = pc.less(pc.multiply(everything["row.known"], 2), everything["row.values"])
    is_far = pc.or_(pc.greater(everything["row.distance"], 1.2), hardly)
    assert 0 < aside.num_rows < COUNT
    assert aside["key"].to_pylist() == everything.filter(is_far)["key"].to_pylist()
    assert kept["key"].to_pylist() == everything.filter(pc.invert(is_far))["key"].to_pylist()
    scored(tmp_path, small_rows(COUNT))
    assert not aside_of(tmp_path / "s.parquet").exists()


def test_a_distance_below_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="from 0 on") as failure:
        scored(tmp_path, small_rows(2), "--flag-unknown", "-1")
    assert failure.value.exit_code == Exit.USAGE


def test_ask_says_what_is_known() -> None:
    row = {"word": "dog", "previous": "the cat sat", "age": "40", "place": "1.5"}
    said = answer(scorer(), row, 1, Asked(known=True).made(scorer(), None))
    # dog is unknown; the list is read as its last four, two and four words.
    assert "10 of 11 values known, distance " in said
    assert "  training rows with the first answer: " in said


def test_no_rows_have_columns_of_no_rows() -> None:
    (batch,) = small_rows(1).combine_chunks().to_batches()
    typed = cast(batch, scorer().metadata.fields)[0].slice(0, 0)
    familiar = Familiar(scorer())
    columns = familiar.of(typed, scorer().score_typed(typed))
    assert [column.type for column in columns] == familiar.schema().types
    assert {len(column) for column in columns} == {0}
