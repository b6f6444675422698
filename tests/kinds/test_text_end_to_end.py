"""The input `text` through all stages: the file answers alike wherever it runs."""

import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pytest
from browser import Browser
from chain import read_json, through_all_stages, words
from hard_texts import HARD

from examples.made_up_rows import rows_for
from kinds.tensors import NEWEST_OPSET
from kinds.words import PUNCTUATION, WHITE
from pipeline.failures import Exit, Failure
from pipeline.spec.file import parse_spec
from serving import ask, export, page, score
from serving.model_file.embeddings import FileEmbeddings
from serving.model_file.feeds import LARGE, spans
from serving.scorer import Scorer

SPEC = """
name: titles
keys: [row]
vocabularies:
  word: {values: WORDS}
  pair: {size: 500, min_count: 2}
  tag: {size: 50}
inputs:
  title: {kind: text, vocabulary: word, length: 5, combine: mean, lower: true, punctuation: drop,
    embedding: 8}
  pairs: {kind: text, column: title, vocabulary: pair, ngram: 2, length: 5, combine: max,
    lower: true, punctuation: drop, embedding: 8}
  tags: {kind: text, vocabulary: tag, separator: "|", length: 4, keep: last, combine: attention,
    embedding: 8}
  note: {kind: text, vocabulary: word, length: 3, combine: lstm, units: 4, embedding: 8, keep: last}
trunk: {layers: [16]}
heads:
  liked: {kind: binary}
split: {by: hash, columns: [row], eval: 0.2, test: 0.2}
training: {epochs: 5, batch_size: 64, learning_rate: 0.02}
"""
WORDS = [
    *("the", "quick", "brown", "fox", "a", "b", "one", "is", "and", "\U0001f642", "e\u0301"),
    *("caf\u00e9", "caf\u00c9", "\u0130stanbul", "istanbul", "strasse", "stra\u00dfe"),
    *("stra\u1e9ee", "\u6ca1\u6709", "\u7a7a\u683c", "tab", "end", "line", "feed", "don", "t"),
    *("Istanbul", "STRASSE", "The", "A", "fox."),
]
HARD_ROWS: list[dict[str, Any]] = [{"title": text, "tags": text, "note": text} for text in HARD]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = parse_spec(SPEC.replace("WORDS", json.dumps(WORDS, ensure_ascii=False)))
    rows = rows_for(spec, 1500, seed=3)
    return through_all_stages(spec, rows, tmp_path_factory.mktemp("texts") / "out")


@pytest.fixture(scope="module")
def model(stages: Path) -> Path:
    return stages / "model" / "model.onnx"


def scored(model: Path, rows: list[dict[str, Any]]) -> list[float]:
    table = pa.Table.from_pylist([{"row": "", **row} for row in rows])
    return Scorer(model).score(table)["liked.score"].to_pylist()


def test_it_learns_from_words(stages: Path) -> None:
    metrics = read_json(stages / "run" / "metrics.json")
    constant = metrics["baselines"]["liked"]["constant"]["eval"]["log_loss"]
    assert metrics["eval"]["liked"]["log_loss"] < 0.9 * constant


def test_the_file_takes_one_text_a_row_and_is_stamped_with_the_opset_that_it_needs(
    model: Path,
) -> None:
    loaded = onnx.load(model)
    assert {o.domain: o.version for o in loaded.opset_import}[""] == NEWEST_OPSET == 20
    shapes = {i.name: len(i.type.tensor_type.shape.dim) for i in loaded.graph.input}
    assert shapes == {"title": 1, "tags": 1, "note": 1, "top_k": 1}


def test_hard_texts_have_in_plain_onnxruntime_the_scores_of_the_scorer(model: Path) -> None:
    """With what the metadata says: some characters are a space before the file sees them."""
    session = onnxruntime.InferenceSession(model)
    said = json.loads(session.get_modelmeta().custom_metadata_map["pipeline"])
    fields = {field["column"]: field for field in said["fields"]}
    assert "spaces" not in fields["tags"] and "lower" not in fields["note"]
    assert "," in fields["title"]["spaces"] and fields["note"]["spaces"] == "\t\n\v\f\r"
    fed = {
        name: np.array([changed(row[name] or "", field) for row in HARD_ROWS], object)
        for name, field in fields.items()
    }
    (scores,) = session.run(["liked.score"], fed)
    assert scores.tolist() == pytest.approx(scored(model, HARD_ROWS), abs=1e-6)
    # They differ, so it is not that nothing was read.
    assert len({round(float(one), 4) for one in scores}) > 15


def changed(text: str, field: dict[str, Any]) -> str:
    """As the metadata says of a column."""
    said = "".join(" " if letter in field.get("spaces", "") else letter for letter in text)
    small = [letter.lower() if letter in string.ascii_uppercase else letter for letter in said]
    return "".join(small) if field.get("lower") else said


def test_a_row_has_the_same_score_whatever_stands_beside_it(model: Path) -> None:
    alone = [scored(model, [row])[0] for row in HARD_ROWS]
    assert scored(model, HARD_ROWS) == pytest.approx(alone, abs=1e-6)


def test_a_megabyte_of_text_is_scored_as_the_words_that_count(model: Path) -> None:
    many = " ".join(["quick", "zebra", "\U0001f642"] * 100_000)
    assert len(many.encode()) > 1_000_000
    long = {"title": many, "tags": "x|" + "y" * 1_000_000, "note": f"{many} the fox. Istanbul"}
    short = {"title": " ".join(many.split()[:6]), "tags": "x|y", "note": "the fox. Istanbul"}
    few = [*HARD_ROWS, long, *HARD_ROWS]
    scores = scored(model, few)
    assert scores[len(HARD_ROWS)] == pytest.approx(scored(model, [short])[0], abs=1e-6)
    assert scores[: len(HARD_ROWS)] == pytest.approx(scores[len(HARD_ROWS) + 1 :], abs=1e-6)


def test_large_texts_are_run_by_themselves(model: Path) -> None:
    texts = ["a", "b" * (LARGE + 1), "c", "d" * (LARGE + 1), None, "e", "f"]
    fields = Scorer(model).metadata.fields
    columns = {field.output: pa.array(texts, pa.string()) for field in fields}
    batch = pa.RecordBatch.from_pydict(columns)
    assert [*spans(batch, fields, 2)] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 6), (6, 7)]
    small = batch.slice(4)
    assert [*spans(small, fields, 2)] == [(0, 2), (2, 3)]


def leaning(model: Path, rows: list[dict[str, Any]]) -> np.ndarray:
    p = np.array(scored(model, rows), np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def test_the_share_of_a_word_is_what_the_answer_loses_without_it(model: Path) -> None:
    """Deleted by hand, wherever it stands; of a list in a text with what separates it."""
    rows: list[dict[str, Any]] = [
        {"title": "The quick, the brown FOX the a b", "tags": "x|y|x|z", "note": "the fox. The"},
        {"title": "fox", "tags": "", "note": "a zebra runs far and is one"},
        {"title": "", "tags": "y||y", "note": None},
    ]
    table = pa.Table.from_pylist([{"row": "", **row} for row in rows])
    whole = leaning(model, rows)
    changed_rows: list[dict[str, dict[str, Any]]] = [
        {
            "title.the": {"title": " quick,  brown FOX  a b"},
            "title.quick": {"title": "The , the brown FOX the a b"},
            "title.brown": {"title": "The quick, the  FOX the a b"},
            "title.fox": {"title": "The quick, the brown  the a b"},
            "tags.x": {"tags": "y|z"},
            "tags.y": {"tags": "x|x|z"},
            "tags.z": {"tags": "x|y|x"},
            "note.the": {"note": " fox. The"},
            "note.fox.": {"note": "the  The"},
            "note.The": {"note": "the fox. "},
        },
        {
            "title.fox": {"title": ""},
            "note.and": {"note": "a zebra runs far  is one"},
            "note.is": {"note": "a zebra runs far and  one"},
            "note.one": {"note": "a zebra runs far and is "},
        },
        {"tags.y": {"tags": ""}},
    ]
    for most in (None, 99):
        got = Scorer(model).explain(table, most, elements=True).to_pylist()
        for row, right, before, changes in zip(rows, got, whole, changed_rows, strict=True):
            found = dict(zip(right["liked.reasons"], right["liked.shares"], strict=True))
            assert found.keys() == {"title", "tags", "note", *changes}
            for name, change in changes.items():
                (without,) = leaning(model, [{**row, **change}])
                assert found[name] == pytest.approx(before - without, rel=1e-3, abs=1e-5), name


def test_words_are_explained_alike_in_any_batch(model: Path) -> None:
    table = pa.Table.from_pylist(
        [{"row": "", **row} for row in HARD_ROWS if len(row["title"] or "") < 99]
    )
    whole = Scorer(model).explain(table, 4, elements=True)
    alone = [Scorer(model).explain(table.slice(at, 1), 4, elements=True) for at in range(9)]
    for one, other in zip(pa.concat_tables(alone).to_pylist(), whole.to_pylist(), strict=False):
        assert one["liked.shares"] == pytest.approx(other["liked.shares"], rel=1e-3, abs=1e-5)
        assert set(one["liked.reasons"]) == set(other["liked.reasons"])


def test_ask_answers_what_is_typed(model: Path) -> None:
    row = {"title": "The quick, brown FOX!", "tags": "tag1|tag2", "note": "The fox."}
    (expected,) = scored(model, [row])
    assert f"{100 * expected:.1f} %" in ask.answer(Scorer(model), row)


def test_drift_counts_words_as_prepare_does(stages: Path, tmp_path: Path) -> None:
    """The rows of training are not far from themselves; without a word of a title they are."""
    model, rows = stages / "model" / "model.onnx", stages / "rows.parquet"
    output = tmp_path / "scores.parquet"
    options = words("--model", model, "--input", rows, "--output", output)
    score.run([*options, "--side", "train", "--drift"])
    found = read_json(tmp_path / "scores.parquet.drift.json")["distances"]
    assert {one["of"]: one["distance"] for one in found} == dict.fromkeys(
        ("title", "pairs", "tags", "note"), 0.0
    )


def test_the_vectors_of_words_and_of_pairs_are_found_in_the_file(model: Path) -> None:
    found = FileEmbeddings(model.read_bytes())
    title, pairs = found.of_input("title"), found.of_input("pairs")
    assert title is not None and title.values == WORDS and title.vectors.shape == (31, 8)
    assert pairs is not None and all(" " in value for value in pairs.values)


def test_an_old_runtime_is_refused_the_file(
    stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = words("--run", stages / "run", "--output", tmp_path / "old")
    # Before anything is built.
    monkeypatch.setattr("serving.exporting.model_folder.write_model", None)
    with pytest.raises(Failure, match="opset 17 at most; an input of the spec needs 20") as found:
        export.run([*options, "--profile", "bigquery"])
    assert found.value.exit_code == Exit.USAGE


def test_the_card_says_what_becomes_a_space(stages: Path) -> None:
    said = (stages / "model" / "README.md").read_text(encoding="utf-8")
    assert '- note: ``"\\t\\n\\u000b\\f\\r"``\n' in said
    (title,) = [line for line in said.splitlines() if line.startswith("- title: ")]
    listed = title.removeprefix("- title: ``").removesuffix("``, lower case")
    assert json.loads(listed) == WHITE + PUNCTUATION


ANSWERED = """(count) => new Promise((done) => {
  const wait = () => document.body.dataset.answered == count ? done() : setTimeout(wait, 5);
  wait();
})"""
ASKED = """(row) => {
  const form = document.querySelector("form");
  for (const [name, value] of Object.entries(row)) form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
}"""


@pytest.fixture(scope="module")
def browser(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not (page.RUNTIME / page.CODE).exists():
        pytest.skip("onnxruntime-web is not installed: make web")
    output = tmp_path_factory.mktemp("page")
    page.run(["--model", str(model), "--output", str(output)])
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.look()
        opened.open((output / "index.html").as_uri())
        opened.evaluate(f"({ANSWERED})(1)")
        yield opened


def test_hard_texts_have_on_the_page_the_scores_of_the_scorer(
    browser: Browser, model: Path
) -> None:
    many = {"title": "The " * 100_000, "tags": "a|" * 200_000, "note": "fox. " * 200_000}
    rows = [*HARD_ROWS, many]
    table = pa.Table.from_pylist([{"row": "", **row} for row in rows])
    known = Scorer(model).known(table).to_pylist()
    for row, expected, right in zip(rows, scored(model, rows), known, strict=True):
        before = int(browser.evaluate("document.body.dataset.answered"))
        typed = {name: text or "" for name, text in row.items()}
        browser.evaluate(f"({ASKED})({json.dumps(typed)})")
        browser.evaluate(f"({ANSWERED})({before + 1})")
        found = browser.evaluate("document.querySelector('article meter').value")
        assert found == pytest.approx(expected, abs=1e-5), row
        said = browser.evaluate("document.querySelector('#known').textContent")
        counts = f"{right['row.known']} of {right['row.values']} values known"
        assert said.startswith(counts), row


BARS = """[...document.querySelectorAll("h3 + ol li")].map((item) => [
  item.querySelector("bdi").textContent, Number(item.querySelector("span").textContent)])"""


def test_the_page_takes_out_the_words_that_the_scorer_takes_out(
    browser: Browser, model: Path
) -> None:
    rows = [
        {"title": "The quick, the brown FOX the a b", "tags": "x|y|x|z", "note": "the fox. The"},
        {
            "title": "\U0001f642 fox \U0001f642",
            "tags": "a||a",
            "note": "a zebra runs far and is one",
        },
    ]
    table = pa.Table.from_pylist([{"row": "", **row} for row in rows])
    expected = Scorer(model).explain(table, elements=True).to_pylist()
    before = int(browser.evaluate("document.body.dataset.answered"))
    for at, name in enumerate(("explains", "parted"), 1):
        browser.evaluate(f"document.querySelector('#{name}').click()")
        browser.evaluate(f"({ANSWERED})({before + at})")
    for at, (row, right) in enumerate(zip(rows, expected, strict=True), 3):
        browser.evaluate(f"({ASKED})({json.dumps(row)})")
        browser.evaluate(f"({ANSWERED})({before + at})")
        found = dict(browser.evaluate(BARS))
        shares = dict(zip(right["liked.reasons"], right["liked.shares"], strict=True))
        assert found.keys() == shares.keys()
        for name, share in shares.items():
            assert found[name] == pytest.approx(share, rel=0.02, abs=0.01), name
