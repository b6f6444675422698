"""The page gives, in a browser, what the scorer gives for the same file."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import small_run
from browser import Browser

from kinds.columns import Field, Kind, cast
from kinds.heads.coverage import Calibration, Shape
from kinds.heads.slices import Slices
from pipeline.failures import Exit, Failure
from serving import export
from serving.model_file.embeddings import FileEmbeddings
from serving.model_file.feeds import feeds
from serving.model_file.in_browsers import Changed
from serving.page import CODE, RUNTIME, described, further, run, write_page
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


def unknown_values() -> dict[str, Any]:
    """What prepare says of the inputs that look values up."""
    side = {"values": 1_000, "missing": 0.1, "out_of_vocabulary": 0.1}
    return {name: {"train": side} for name in ("word", "before", "last", "story")}


def metrics() -> dict[str, Any]:
    """Calibrations of made-up strangeness, those of a head by the word of the row, and a
    threshold."""
    random = np.random.default_rng(4)
    shape = {"next": Shape(0.01), "left": Shape(log=True)}
    found = {
        name: Calibration.of(random.uniform(0, most, 999), shape.get(name, Shape()))
        for name, most in {"next": 1.2, "tags": 3.0, "left": 2.0, "many": 1.5}.items()
    }
    said: dict[str, Any] = {name: one.content() for name, one in found.items()}
    ids, scores = random.integers(0, 4, 999), random.uniform(0, 1.2, 999)
    slices = Slices.of("word", small_run.WORDS, ids, scores + ids / 4, found["next"])
    said["next"]["slices"] = slices.content()
    return {"heads": {}, "calibration": said, "thresholds": {"ends": {"threshold": 0.4}}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model with more than ten labels."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_run, "LABELS", LABELS)
        text = small_run.SPEC.replace("top_k: 3", f"top_k: {TOP_K}")
        statistics = {**small_run._statistics(), "inputs": unknown_values()}
        patch.setattr(small_run, "_statistics", lambda: statistics)
        made = small_run.small_model()
        small_run.write_run(folder / "run", made, spec_text=text, metrics=metrics())
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


def test_bars_say_what_each_element_of_a_list_changes(browser: Browser, model: Path) -> None:
    lists = ['["the", "cat", "", "sat", "mat", "the"]', "the cat sat", "", '["dog"]']
    rows = [{**TYPED[0], "previous": one, "size": "", "place": "0.1"} for one in lists]
    scorer = Scorer(model)
    given = pa.Table.from_pylist([{**row, "key": ""} for row in rows])
    table = scorer.explain(given, elements=True)
    for name in ("explains", "parted"):
        choose(browser, f"document.querySelector('#{name}').click()")
    for row, right in zip(rows, table.to_pylist(), strict=True):
        answers(browser, row)
        for head, bars in zip(scorer.heads(), browser.evaluate(WHY), strict=True):
            names, shares = right[f"{head.name}.reasons"], right[f"{head.name}.shares"]
            expected = dict(zip(names, shares, strict=True))
            there = [name for name in expected if "." in name or row[name]]
            assert sorted(there) == sorted(name for name, _, _ in bars)
            for name, text, _ in bars:
                if not text.startswith("≥") and max(map(abs, shares)) < 8:
                    assert float(text) == pytest.approx(expected[name], rel=0.02, abs=0.02)
    for name in ("parted", "explains"):
        choose(browser, f"document.querySelector('#{name}').click()")


LIMITED = """(lists) => {
  for (const [name, text] of Object.entries(lists)) {
    document.querySelector(`[data-list="${name}"]`).value = text;
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


SURE = """[...document.querySelectorAll("article")].map((article) => {
  const said = [...article.querySelectorAll("div > h3")].find((h) => h.textContent === "how sure");
  const parts = said ? [...said.parentElement.querySelectorAll("p")] : [];
  return parts.map((part) => [
    part.querySelector("strong")?.textContent ?? part.textContent,
    [...part.querySelectorAll("bdi")].map((label) => label.textContent)]);
})"""
KNOWN = """[document.querySelector("#known").textContent,
  [...document.querySelectorAll("#known bdi")].map((text) => text.textContent)]"""


def choose(browser: Browser, script: str) -> None:
    """Changes something beside the form, and waits for the answers."""
    before = int(browser.evaluate("document.body.dataset.answered"))
    browser.evaluate(script)
    browser.evaluate(f"({ANSWERED})({before + 1})")


def typed_in(name: str, text: str) -> str:
    field = f"document.querySelector('#{name}')"
    return f"{field}.value = '{text}'; {field}.dispatchEvent(new Event('input'))"


@pytest.fixture
def sure(browser: Browser) -> Iterator[Browser]:
    choose(browser, "document.querySelector('#sureness').click()")
    yield browser
    for name in ("coverage", "least"):
        choose(browser, typed_in(name, ""))
    choose(browser, "document.querySelector('#sureness').click()")


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_sets_intervals_and_yes_or_no_are_those_of_the_scorer(
    sure: Browser, model: Path, coverage: float
) -> None:
    scorer = Scorer(model, coverage=coverage, answers=True)
    rows = [row for row in typed_rows() if row["place"]]
    table = scorer.score(pa.Table.from_pylist([{**row, "key": ""} for row in rows]))
    choose(sure, typed_in("coverage", str(coverage)))
    sizes = set()
    for row, right in zip(rows, table.to_pylist(), strict=True):
        answers(sure, row)
        said = dict(zip([h.name for h in scorer.heads()], sure.evaluate(SURE), strict=True))
        for head in ("next", "tags"):
            [(size, labels)] = said[head]
            expected = right[f"{head}.set"]
            assert (size, labels) == (str(len(expected)), expected[:20]), (head, row)
        sizes.add(len(right["next.set"]))
        [(answer, _)] = said["ends"]
        assert answer == ("yes" if right["ends.answer"] else "no")
        for head in ("left", "many"):
            [(ends, _)] = said[head]
            low, high = map(float, ends.split(" to "))
            assert low == pytest.approx(right[f"{head}.low"], rel=2e-3, abs=1e-3)
            assert high == pytest.approx(right[f"{head}.high"], rel=2e-3, abs=1e-3)
    assert len(sizes) > 2 and (coverage < 0.9 or max(sizes) > TOP_K)


def test_a_set_is_ranked_again_until_it_ends(sure: Browser, model: Path) -> None:
    """Two labels at first, then eight times as many."""
    asked = "setOf(model.heads[0], results, 0.9, rank)"
    ranked = """((labels) => { const most = { labels: model.heads[0].entries };
      const names = Array.from({ length: most.labels }, (_, at) => `label ${at}`);
      const data = names.slice(0, labels);
      const scores = data.map((_, at) => 0.5 ** (at + 1));
      return { 'next.labels': { data }, 'next.scores': { data: scores },
        [model.sure.next.slices_by]: { data: [99n] } }; })"""
    script = f"""(async () => {{ const make = {ranked}; const asks = [];
      const rank = async (labels) => {{ asks.push(labels); return make(labels); }};
      const results = make(2); const set = await {asked}; return [asks, set.length]; }})()"""
    asks, size = sure.evaluate(script)
    limit = Slices.from_json(
        metrics()["calibration"]["next"]["slices"],
        Calibration.from_json(metrics()["calibration"]["next"]),
    ).limits(0.9, np.array([99]))[0]
    before, rank = 1 - 0.5 ** np.arange(len(LABELS)), np.arange(1, len(LABELS) + 1)
    assert size == (before + 0.01 * np.maximum(rank - 5, 0) <= limit).sum() > 2
    assert asks == ([16] if size < 16 else [16, 128])


def test_labels_of_too_low_a_score_are_no_answer(sure: Browser, model: Path) -> None:
    rows = [row for row in typed_rows() if row["place"]][:8]
    scorer = Scorer(model, min_score=0.6)
    table = scorer.score(pa.Table.from_pylist([{**row, "key": ""} for row in rows]))
    choose(sure, typed_in("least", "0.6"))
    texts = "[...document.querySelectorAll('article')].map((one) => one.textContent)"
    for row, right in zip(rows, table.to_pylist(), strict=True):
        answers(sure, row)
        labels = "[...document.querySelectorAll('article > ol')].map((one) => one.children.length)"
        kept = [len(right[f"{head}.labels"]) for head in ("next", "tags")]
        assert sure.evaluate(labels) == [count for count in kept if count]
        for text, count in zip(sure.evaluate(texts)[:2], kept, strict=True):
            assert ("no answer" in text) == (count == 0)
    assert [] in table["next.labels"].to_pylist()


def test_a_coverage_that_cannot_be_had_is_said(sure: Browser) -> None:
    """999 calibration rows, of which the last one is the 999th of 1,000."""
    choose(sure, typed_in("coverage", "0.9999"))
    said = sure.evaluate("document.querySelectorAll('article')[1].textContent")
    assert "no coverage of 100.0 %: it must be below 99.9 % here" in said


def test_a_share_that_is_none_is_said(sure: Browser) -> None:
    choose(sure, typed_in("coverage", "90"))
    said = sure.evaluate("document.querySelector('#state').textContent")
    assert said == "coverage must be between 0 and 1"


def test_values_that_the_model_does_not_know_are_named(browser: Browser, model: Path) -> None:
    rows = [row for row in typed_rows() if row["place"]]
    rows += [{"word": "dog", "previous": '["the", "dog", "cow", "dog"]', "place": "1"}]
    whole = [{**dict.fromkeys(TYPED[0], ""), **row, "key": ""} for row in rows]
    table = Scorer(model).known(pa.Table.from_pylist(whole))
    for row, right in zip(whole, table.to_pylist(), strict=True):
        answers(browser, {name: row[name] for name in TYPED[0]})
        text, _ = browser.evaluate(KNOWN)
        assert text.startswith(f"{right['row.known']} of {right['row.values']} values known")
    _, named = browser.evaluate(KNOWN)
    assert named == ["dog", "dog", "cow", "cow", "dog", "dog", "cow"]


def test_the_pages_file_ranks_as_many_labels_as_it_is_asked_and_tells_ids(model: Path) -> None:
    """Without a browser: the bytes that the page runs, in onnxruntime."""
    scorer, content = Scorer(model), model.read_bytes()
    said = further(scorer.metadata, content, scorer.graph)
    packed = said["changed"]["behind"]
    behind = gzip.decompress(base64.b64decode(packed))
    own = Changed(said["changed"]["places"], said["changed"]["letter"], behind)
    session = onnxruntime.InferenceSession(own.of(content))
    table = small_run.small_rows(30)
    (batch,) = table.combine_chunks().to_batches()
    fed = feeds(
        cast(batch, scorer.metadata.fields)[0], scorer.metadata.fields, scorer.metadata.lengths
    )
    names = [output.name for output in session.get_outputs()]
    assert "top_k" in [one.name for one in session.get_inputs()]
    lists = {"next.exclude", "next.only", "tags.exclude", "tags.only"}
    assert lists < {one.name for one in session.get_inputs()}
    fed |= dict.fromkeys(lists, np.empty((1, 0), object))
    for count in (2, 17):
        given = {**fed, "top_k": np.array([count])}
        results = dict(zip(names, session.run(None, given), strict=True))
        expected = scorer.score(table, top_k=count)
        assert results["next.labels"].tolist() == expected["next.labels"].to_pylist()
    word, *_ = said["values"]
    unknown = results[word["ids"]] == word["unknown"]
    assert set(results[word["texts"]][unknown]) == {"dog"}
    ids, support = results[said["sure"]["next"]["label_ids"]][:, 0], scorer.known(table)
    counts = np.repeat(*np.array(said["sure"]["next"]["support"]).T)
    assert counts[ids].tolist() == support["next.support"].to_pylist()


def test_support_is_that_of_the_first_answer(sure: Browser, model: Path) -> None:
    row = typed_rows()[5]
    table = Scorer(model).known(pa.Table.from_pylist([{**row, "key": ""}]))
    answers(sure, row)
    text = sure.evaluate("document.querySelector('article').textContent")
    assert f"first answer: {table['next.support'].to_pylist()[0]:,}" in text


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
