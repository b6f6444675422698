"""The page gives, in a browser, what the scorer gives for the same file."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import small_run
from browser import Browser

from kinds.columns import Field, Kind, cast
from pipeline.failures import Exit, Failure
from serving import export
from serving.model_file.embeddings import FileEmbeddings
from serving.page import CODE, RUNTIME, described, run, write_page
from serving.scorer import Scorer

LABELS = [f"label {at}" for at in range(17)] + ["<b>bold</b>", "🙂", '"']
TOP_K = 10
# What a person may type, besides rows like those of training.
TYPED = [
    {"word": "cat", "previous": "the cat  sat on", "age": " 40 ", "size": "+1e2", "place": ".5"},
    {"word": " cat", "previous": '["the", null, "cat"]', "age": "nan", "size": "", "place": "1."},
    {"word": "<b>", "previous": "[the cat", "age": "1e-42", "size": "-0", "place": "-3E-2"},
    {"word": "", "previous": "", "age": "", "size": "", "place": "007"},
]
ANSWERED = """(count) => new Promise((done) => {
  const wait = () => document.body.dataset.answered == count ? done() : setTimeout(wait, 5);
  wait();
})"""
ASKED = """(row) => {
  const form = document.querySelector("form");
  for (const [name, value] of Object.entries(row)) form.elements[name].value = value;
  form.dispatchEvent(new Event("input"));
}"""
READ = """[...document.querySelectorAll("article")].map((article) => [
  article.querySelector("h2").textContent,
  [...article.querySelectorAll("bdi")].map((label) => label.textContent),
  [...article.querySelectorAll("meter")].map((meter) => meter.value),
  article.querySelector("strong")?.textContent ?? "",
])"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model with more than ten labels."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_run, "LABELS", LABELS)
        text = small_run.SPEC.replace("top_k: 3", f"top_k: {TOP_K}")
        small_run.write_run(folder / "run", small_run.small_model(), spec_text=text)
    export.run(["--run", str(folder / "run"), "--output", str(folder / "model")])
    return folder / "model" / "model.onnx"


@pytest.fixture(scope="module")
def page(model: Path) -> Path:
    if not (RUNTIME / CODE).exists():
        pytest.skip("onnxruntime-web is not installed: make web")
    run(["--model", str(model), "--output", str(model.parent / "a page")])
    return model.parent / "a page" / "index.html"


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.look()
        opened.open(page.as_uri())
        opened.evaluate(f"({ANSWERED})(1)")
        yield opened


def typed_rows() -> list[dict[str, str]]:
    rows = small_run.small_rows(20 - len(TYPED)).select(list(TYPED[0])).to_pylist()
    return TYPED + [{name: as_text(value) for name, value in row.items()} for row in rows]


def as_text(value: Any) -> str:
    if isinstance(value, list):
        return json.dumps(value)
    return "" if value is None else str(value)


def answers(browser: Browser, row: dict[str, str]) -> list[Any]:
    before = int(browser.evaluate("document.body.dataset.answered"))
    browser.evaluate(f"({ASKED})({json.dumps(row)})")
    browser.evaluate(f"({ANSWERED})({before + 1})")
    read: list[Any] = browser.evaluate(READ)
    return read


def test_twenty_rows_have_the_ten_labels_and_scores_that_the_scorer_gives(
    browser: Browser, model: Path
) -> None:
    rows = typed_rows()
    table = pa.Table.from_pylist([{**row, "key": ""} for row in rows])
    expected = Scorer(model).score(table).to_pylist()
    assert len(rows) == 20
    for row, right in zip(rows, expected, strict=True):
        heads = {
            name: (labels, scores, text) for name, labels, scores, text in answers(browser, row)
        }
        assert len(heads["next"][0]) == TOP_K
        for head in ("next", "tags"):
            assert heads[head][0] == right[f"{head}.labels"], row
            assert heads[head][1] == pytest.approx(right[f"{head}.scores"], abs=1e-5)
        assert heads["ends"][1] == pytest.approx([right["ends.score"]], abs=1e-5)
        for head in ("left", "many"):
            assert float(heads[head][2]) == pytest.approx(right[f"{head}.value"], rel=1e-3)


WHY = """[...document.querySelectorAll("article")].map((article) =>
  [...article.querySelectorAll("h3 + ol li")].map((item) => [
    item.querySelector("bdi").textContent, item.querySelector("span").textContent,
    item.querySelector("meter").className]))"""


def test_bars_say_what_each_input_changes(browser: Browser, model: Path) -> None:
    rows = [row for row in typed_rows() if row["place"]][:6]
    scorer = Scorer(model)
    table = scorer.explain(pa.Table.from_pylist([{**row, "key": ""} for row in rows]))
    before = int(browser.evaluate("document.body.dataset.answered"))
    browser.evaluate("document.querySelector('#explains').click()")
    browser.evaluate(f"({ANSWERED})({before + 1})")
    for row, right in zip(rows, table.to_pylist(), strict=True):
        answers(browser, row)
        for head, bars in zip(scorer.heads(), browser.evaluate(WHY), strict=True):
            names, shares = right[f"{head.name}.reasons"], right[f"{head.name}.shares"]
            expected = dict(zip(names, shares, strict=True))
            assert sorted(c for c in expected if row[c]) == sorted(name for name, _, _ in bars)
            for name, text, side in bars:
                share = float(text.removeprefix("≥\u00a0"))
                # What is all but certain is not told apart by the probabilities of the page.
                if abs(expected[name]) < 8 and max(map(abs, shares)) < 8:
                    if text.startswith("≥"):
                        assert expected[name] >= share - 0.01
                    else:
                        assert share == pytest.approx(expected[name], rel=0.02, abs=0.02)
                    assert side == ("against" if share < 0 else "for")
    browser.evaluate("document.querySelector('#explains').click()")
    browser.evaluate(f"({ANSWERED})({before + len(rows) + 2})")


LIMITED = """(lists) => {
  for (const [name, text] of Object.entries(lists)) {
    document.querySelector(`[data-limit="${name}"]`).value = text;
  }
}"""


@pytest.mark.parametrize(
    ("exclude", "only"),
    [
        (["label 3", "label 1", "no such label"], None),
        (None, ["label 2", "<b>bold</b>", "label 7", "🙂"]),
        (["🙂"], ["🙂", "label 4"]),
        (["label 4"], ["label 4"]),
    ],
)
def test_what_may_come_back_is_what_the_scorer_leaves(
    browser: Browser, model: Path, exclude: list[str] | None, only: list[str] | None
) -> None:
    given = {"next.exclude": exclude, "next.only": only}
    lists = {name: "\n".join(labels or []) for name, labels in given.items()}
    browser.evaluate(f"({LIMITED})({json.dumps(lists)})")
    row = typed_rows()[-1]
    (head, labels, scores, _), *_ = answers(browser, row)
    browser.evaluate(f"({LIMITED})({json.dumps(dict.fromkeys(lists, ''))})")
    table = pa.Table.from_pylist([{**row, "key": ""}])
    if exclude == only:  # nothing is left, which the scorer refuses for all rows
        assert (head, labels, scores) == ("next", [], [])
        return
    never, alone = ({"next": labels} if labels else None for labels in (exclude, only))
    (right,) = Scorer(model).score(table, exclude=never, only=alone).to_pylist()
    assert (head, labels) == ("next", right["next.labels"])
    assert scores == pytest.approx(right["next.scores"], abs=1e-5)


def test_it_opens_from_a_folder_and_asks_no_network(browser: Browser) -> None:
    assert browser.problems == []
    assert {url.split(":")[0] for url in browser.requests} == {"file", "blob"}


def test_it_may_not_connect_to_anything(browser: Browser) -> None:
    refused = "fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"
    assert browser.evaluate(refused) == "refused"
    reasons = [json.dumps(event) for event in browser.events]
    assert any("Content Security Policy" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("place", "said"), [("far", "place must be a number"), ("", "place must be given")]
)
def test_what_does_not_fit_is_said_where_it_is_typed(
    browser: Browser, place: str, said: str
) -> None:
    answers(browser, {**TYPED[0], "place": place})
    assert browser.evaluate("document.querySelector('#state').textContent") == said


def test_the_form_has_the_models_columns(browser: Browser, model: Path) -> None:
    names = "[...document.querySelectorAll('form input')].map((input) => input.name)"
    assert browser.evaluate(names) == Scorer(model).columns
    values = "[...document.querySelectorAll('datalist option')].map((option) => option.value)"
    assert browser.evaluate(values) == [word for word in small_run.WORDS if word]


@pytest.mark.parametrize("kind", ["number", "flag"])
def test_what_is_typed_means_what_it_means_in_a_file_of_rows(browser: Browser, kind: Kind) -> None:
    texts = ["1", "0", "1.0", " yes ", "NO", "t", "false", "", "nan", "1e-42", "1e39", "-3e2", "x"]
    field = Field("x", kind)
    batch = pa.RecordBatch.from_pydict({"x": texts})
    typed, good, _ = cast(batch, [field])
    expected = dict(zip(good.tolist(), typed.column(0).to_pylist(), strict=True))
    tensor = f"of(columnKinds, {json.dumps(kind)}).tensor({json.dumps(asdict(field))}, text)[1][0]"
    typing = f"(text) => {{ try {{ return `${{{tensor}}}`; }} catch {{ return 'refused'; }} }}"
    said = browser.evaluate(f"{json.dumps(texts)}.map({typing})")
    for at, text in enumerate(texts):
        value = str(expected.get(at, "refused"))
        if value == "refused":
            assert said[at] == value, text
        else:
            assert float(said[at]) == pytest.approx(float(value), nan_ok=True), text


def test_a_kind_that_the_page_does_not_know_is_an_error(browser: Browser) -> None:
    asked = "(() => { try { return of(headKinds, 'unheard'); } catch (e) { return e.message; } })()"
    assert browser.evaluate(asked) == "the page knows no kind unheard"


def test_what_the_page_is_told_of_a_head_names_its_outputs(model: Path) -> None:
    metadata = Scorer(model).metadata
    heads = described(metadata, FileEmbeddings(model.read_bytes()))["heads"]
    assert [head["outputs"] for head in heads] == [head.outputs for head in metadata.heads]


def test_without_the_npm_package_it_says_what_to_do(model: Path, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="make web") as failure:
        write_page(model, tmp_path / "page", tmp_path / "nowhere")
    assert failure.value.exit_code == Exit.ENVIRONMENT
    assert not (tmp_path / "page").exists()
