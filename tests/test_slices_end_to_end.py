"""A coverage that holds for each value of an input, through all stages, where one is harder."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import read_json, through_all_stages, words

from kinds.heads.slices import LEAST
from pipeline.failures import Exit, Failure
from pipeline.spec.file import parse_spec
from serving import ask, beam, report, score
from serving.scorer import Scorer

COVERAGE = 0.9
NOTE = (
    "note: amount: the coverage holds where country = de, where country = fr, "
    "where country is another value"
)
SPEC = """
name: slices
vocabularies: {country: {size: 20}, maker: {size: 20}}
inputs:
  country: {kind: category, vocabulary: country, embedding: 4}
  size: {kind: number}
heads:
  amount: {kind: regression}
  maker: {kind: classification, vocabulary: maker}
split: {by: row, eval: 0.35, test: 0.4}
training: {epochs: 8, batch_size: 128, learning_rate: 0.02, coverage_by: country}
"""


def rows(count: int = 6_000) -> pa.Table:
    """In fr amounts and makers are nearly drawn; each of the small countries has few rows."""
    draw = np.random.default_rng(5)
    names = np.array(["de", "fr", *"abcde"])
    country = draw.choice(names, count, p=[0.5, 0.3, *[0.04] * 5])
    size, hard = draw.normal(size=count), country == "fr"
    amount = size + np.where(hard, 5, 0.5) * draw.normal(size=count)
    right = draw.random(count) < np.where(hard, 0.1, 0.95)
    maker = np.where(right, (size > 0).astype(int), draw.integers(0, 12, count))
    return pa.table(
        {"country": country, "size": size, "amount": amount, "maker": [f"m{one}" for one in maker]}
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return through_all_stages(parse_spec(SPEC), rows(), tmp_path_factory.mktemp("s") / "out")


@pytest.fixture(scope="module")
def judged(output: Path) -> dict[str, list[dict[str, Any]]]:
    """Of each head, what the rows of test say of each slice."""
    made = read_json(output / "run" / "metrics.json")["calibration"]
    return {name: own["slices"]["judged"]["test"] for name, own in made.items()}


@pytest.mark.parametrize("head", ["amount", "maker"])
def test_each_slice_has_the_coverage_that_was_asked_for(
    head: str, judged: dict[str, list[dict[str, Any]]]
) -> None:
    names = [one["slice"] for one in judged[head]]
    assert names == ["country = de", "country = fr", "country is another value"]
    for one in judged[head]:
        assert one["held"] > COVERAGE - 2 * one["error"], one
        # A set holds at least the best label: it may be right more often than asked.
        assert head == "maker" or one["held"] < COVERAGE + 2 * one["error"], one


@pytest.mark.parametrize("head", ["amount", "maker"])
def test_calibrated_by_all_rows_alike_the_hard_slice_has_less(
    head: str, judged: dict[str, list[dict[str, Any]]]
) -> None:
    hard = {one["slice"]: one for one in judged[head]}["country = fr"]
    assert hard["by_all"] < COVERAGE - 4 * hard["error"]


def test_the_file_answers_by_slice_and_its_coverage_is_what_training_found(
    output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], judged: dict[str, Any]
) -> None:
    scores = tmp_path / "scores.parquet"
    line = words("--model", output / "model" / "model.onnx", "--input", output / "rows.parquet")
    line += words("--output", scores, "--side", "test", "--evaluate", "--slice", "country")
    score.run([*line, "--coverage", str(COVERAGE), "--keep", "country", "amount", "maker"])
    assert NOTE in capsys.readouterr().err
    found = pq.read_table(scores)
    metrics = read_json(scores.with_name(f"{scores.name}.metrics.json"))
    country = np.array(found["country"].to_pylist())
    amount, low, high = (found[n].to_numpy() for n in ("amount", "amount.low", "amount.high"))
    pairs = zip(found["maker"].to_pylist(), found["maker.set"].to_pylist(), strict=True)
    held = {"amount": (low <= amount) & (amount <= high), "maker": [m in s for m, s in pairs]}
    for head, of_rows in held.items():
        slices = {one["slice"]: one for one in metrics[head]["slices"]}
        for name, expected in zip(("de", "fr"), judged[head], strict=False):
            own = np.mean(np.array(of_rows)[country == name])
            assert own == pytest.approx(expected["held"], abs=0.005)
            assert slices[f"country = {name}"]["coverage"] == pytest.approx(own, abs=0.005)


def test_the_mean_size_is_that_of_answers_to_the_rows_that_judge(
    output: Path, tmp_path: Path
) -> None:
    """Of all rows of test; sets are measured on 512 of them."""
    scores = tmp_path / "scores.parquet"
    line = words("--model", output / "model" / "model.onnx", "--input", output / "rows.parquet")
    line += words("--output", scores, "--side", "test", "--coverage", str(COVERAGE))
    score.run(line)
    found = pq.read_table(scores)
    made = read_json(output / "run" / "metrics.json")["calibration"]
    ninety = {name: own["judged"]["test"][1] for name, own in made.items()}
    lengths = found["amount.high"].to_numpy() - found["amount.low"].to_numpy()
    assert ninety["amount"]["size"] == pytest.approx(lengths.mean(), rel=1e-4)
    error = lengths.std() / np.sqrt(len(lengths))
    assert ninety["amount"]["size_error"] == pytest.approx(error, rel=1e-2)
    sizes = np.array([len(one) for one in found["maker.set"].to_pylist()])
    far = 4 * ninety["maker"]["size_error"]
    assert ninety["maker"]["size"] == pytest.approx(sizes.mean(), abs=far)
    # Another half has other rows.
    assert made["amount"]["judged"]["eval"][1]["size"] != ninety["amount"]["size"]


def test_ask_and_beam_say_of_which_rows_the_coverage_holds(
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = words("--model", output / "model" / "model.onnx", "--coverage", str(COVERAGE))
    monkeypatch.setattr("sys.stdin", io.StringIO("country=fr\n"))
    ask.run(line)
    assert NOTE in capsys.readouterr().err
    pq.write_table(rows(40), tmp_path / "rows.parquet")
    files = words("--input", tmp_path / "rows.parquet", "--output", tmp_path / "scores")
    beam.run([*line, *files, "--heads", "maker"])
    said = capsys.readouterr().err
    assert NOTE.replace("amount", "maker") in said and NOTE not in said


def test_the_report_has_the_coverage_of_each_slice(output: Path) -> None:
    path = output / "report.html"
    model = output / "model" / "model.onnx"
    report.run(words("--run", output / "run", "--model", model, "--output", path))
    said = path.read_text(encoding="utf-8")
    assert "the coverage holds where country = de" in said
    assert said.count("<td>country = fr</td>") == 2
    # The split by row keeps nothing together.
    assert "Only what is beyond noise is bold.</p>" in said


def test_a_coverage_that_a_slice_cannot_give_is_refused(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx", coverage=0.998)
    with pytest.raises(Failure, match=r"coverage of amount where country = .. must be") as failure:
        scorer.schema()
    assert failure.value.exit_code == Exit.USAGE


def test_rows_that_are_scored_alone_have_the_answers_of_their_slice(output: Path) -> None:
    scorer = Scorer(output / "model" / "model.onnx", coverage=COVERAGE)
    small = rows(40)
    all_rows = scorer.score(small).to_pylist()
    assert [scorer.score([row]).to_pylist()[0] for row in small.to_pylist()] == all_rows
    assert scorer.score(small, heads=["maker"]).to_pylist() == [
        {name: value for name, value in row.items() if name.startswith("maker")} for row in all_rows
    ]


@pytest.mark.parametrize("by", ["size", "nothing"])
def test_only_an_input_with_one_value_of_a_vocabulary_tells_rows_apart(by: str) -> None:
    with pytest.raises(Failure, match=r"training\.coverage_by") as failure:
        parse_spec(SPEC.replace("coverage_by: country", f"coverage_by: {by}"))
    assert failure.value.exit_code == Exit.USAGE


def test_the_least_rows_of_a_slice_are_enough_for_most_coverages() -> None:
    assert LEAST / (LEAST + 1) > 0.99
