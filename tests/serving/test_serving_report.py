"""The report is one page that shows what is there, in any browser, and runs nothing of the rows."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from browser import Browser
from small_run import LABELS, TAGS, WORDS, exported, small_rows

from kinds.columns import Field
from kinds.heads.classification.show import frequency_bars
from kinds.heads.guesses import Guess, Scored, mistakes
from kinds.heads.score import FileHead
from pipeline import manifest
from pipeline.failures import Exit, Failure
from serving import report
from serving.reporting.figures import label_bars, vocabulary_charts
from serving.reporting.report_data import ReportData, read
from serving.scorer import Scorer

HOSTILE = "<script>document.title = 'run'</script><img src=http://example.invalid/x>"
COUNTS = [64, 32, 16, 8, 4, 2, 1]
WEIGHTS = {
    "tables": {"table.words/embeddings": [9, 5], "table.recent/embeddings": [9, 3]},
    "shared.common": {"shared.common.0/kernel": [5, 6]},
    "trunk": {"trunk.0/kernel": [40, 8], "trunk.0/bias": [8]},
    "heads": {"next.kernel": [7, 8], "next.bias": [7]},
}


def rows() -> pa.Table:
    """Held-out rows, the first of them an attack in every column of text."""
    table = small_rows(60)
    hostile = {"key": HOSTILE, "word": HOSTILE, "previous": [HOSTILE], "next": HOSTILE}
    for name, value in hostile.items():
        at, column = table.schema.get_field_index(name), table.column(name).to_pylist()
        table = table.set_column(at, table.schema.field(name), [[value, *column[1:]]])
    return table


def statistics() -> dict[str, Any]:
    sides = {"train": 127, "eval": 30, "test": 60}
    missing = {"missing": 0.0, "out_of_vocabulary": 0.0}
    return {
        "rows": {"read": 220, "rejected": 3, **sides},
        "rejected_by_reason": {"not_a_number": 2, HOSTILE: 1},
        "warnings": [{"anomaly": "RARE", "of": "next", "said": HOSTILE}],
        "inputs": {
            name: {"train": {"values": 127, **missing}} for name in ("word", "before", "last")
        }
        | {"story": {"train": {"values": 127, **missing}}},
        "heads": {
            "next": {"train": {"targets": 254, "missing": 0.0, "out_of_vocabulary": 0.5}},
            "tags": {"train": {"targets": 127, "missing": 0.0, "out_of_vocabulary": 0.0}},
        },
    }


def metrics() -> dict[str, Any]:
    own = {"targets": 60, "accuracy@1": 0.5, "log_loss": 1.25}
    weaker = {"test": {"accuracy@1": 0.25, "log_loss": 1.5}}
    stronger = {"input": "word", "test": {"accuracy@1": 0.625, "log_loss": 1.375}}
    baselines = {"next": {"constant": weaker, "strongest_input": stronger}}
    unknown = {"next": "as one class in log_loss"}
    return {"test": {"next": own}, "baselines": baselines, "unknown_targets": unknown}


def history() -> list[dict[str, Any]]:
    phase = {"block": "common", "method": "kfac", "epochs_done": 1, "objective": [2.0, 1.5]}
    phase |= {"held_out_loss": [1.9, 1.7], "accepted": True, "seconds": 2.0}
    losses = {"next": 1.5, "tags": 1.0, "ends": 0.5, "left": 2.0, "many": 0.25}
    epochs: list[dict[str, Any]] = [
        {"epoch": n, "train": losses, "eval": losses, "eval_loss": 2.0 / n} for n in (1, 2)
    ]
    return [epochs[0], {"before_epoch": 2, "phases": [phase]}, epochs[1]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the small model, with what a real one says about itself."""
    folder = tmp_path_factory.mktemp("report") / "run"
    work = manifest.staging(folder)
    shutil.copytree(exported() / "run", work)
    for name, said in (("statistics", statistics()), ("metrics", metrics())):
        (work / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")
    (work / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history()))
    for name, values in (("words", WORDS), ("labels", LABELS), ("tags", TAGS)):
        lines = [json.dumps(pair) + "\n" for pair in zip(values, COUNTS, strict=False)]
        (work / "vocabulary" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (work / "labels").mkdir(exist_ok=True)
    for name, values in (("next", LABELS), ("tags", TAGS)):
        # Half as often as the vocabulary counts them, which an input may use too.
        pairs = zip(values, (count // 2 for count in COUNTS), strict=False)
        lines = [json.dumps(pair) + "\n" for pair in pairs]
        (work / "labels" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    pq.write_table(rows(), work / "samples.parquet")
    manifest.publish(folder, stage="run", made_from="by hand", facts={"weights": WEIGHTS})
    return folder


@pytest.fixture(scope="module")
def data(run: Path) -> ReportData:
    return read(run, exported() / "model" / "model.onnx")


@pytest.fixture(scope="module")
def page(run: Path) -> Path:
    output = run.parent / "report.html"
    model = str(exported() / "model" / "model.onnx")
    report.run(["--run", str(run), "--model", model, "--output", str(output)])
    return output


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.look()
    browser.open(page.as_uri())
    return browser


def test_it_opens_without_an_error_and_asks_for_nothing_else(opened: Browser, page: Path) -> None:
    assert opened.problems == []
    assert opened.requests == [page.as_uri()]


def test_every_plot_has_its_marks_and_its_data_beside_it(opened: Browser) -> None:
    plots = opened.evaluate(
        "[...document.querySelectorAll('figure.chart')].map(f => "
        "[f.querySelectorAll('path.line, circle.dot').length, f.querySelectorAll('td').length])"
    )
    # Two for each vocabulary of more than a few values, one for each head's losses and one for all,
    # one for calibration, and of the classification how right the surest answers are.
    assert len(plots) == 2 * 2 + 6 + 5 + 1
    assert all(marks and cells for marks, cells in plots)
    assert opened.evaluate("document.querySelectorAll('line.phase').length") == 6
    lengths = (
        "[...document.querySelectorAll('figure.bars')].map(f => f.querySelectorAll('rect').length)"
    )
    assert all(opened.evaluate(lengths))


def test_what_stands_in_a_row_stays_text(opened: Browser) -> None:
    assert opened.evaluate("document.scripts.length + document.images.length") == 0
    assert opened.evaluate("document.title") == "small: report"
    assert HOSTILE in opened.evaluate("document.body.innerText")


def test_it_fits_a_phone(opened: Browser) -> None:
    opened.look(width=390)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_is_dark_where_a_person_wants_it_dark(opened: Browser) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = opened.evaluate(colour)
    opened.look(dark=True)
    dark = opened.evaluate(colour)
    brightness = [sum(map(int, c[4:-1].split(","))) for c in (light, dark)]
    assert brightness[0] > 600
    assert brightness[1] < 150


def test_it_prints(opened: Browser) -> None:
    opened.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert opened.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert opened.call("Page.printToPDF")["data"].startswith("JVBERi")  # %PDF-


def test_nothing_in_it_names_another_place(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.replace("src=http://example.invalid/x", "").count("http://") == 0
    assert "https://" not in text
    assert "default-src 'none'" in text


def test_heads_stand_beside_their_baselines_and_the_best_is_marked(data: ReportData) -> None:
    assert [row[:5] for row in report.metric_rows(data, "next")] == [
        ("targets", [60, None, None], None, False, None),
        ("accuracy@1", [0.5, 0.25, 0.625], 2, True, None),
        ("log_loss", [1.25, 1.5, 1.375], 0, False, None),
    ]
    assert report.metric_rows(data, "tags") == []


def test_mistakes_say_which_inputs_mattered_most(data: ReportData, page: Path) -> None:
    scorer, scored = Scorer(exported() / "model" / "model.onnx"), data.scored["next"]
    guess = mistakes(scored.guesses)[0]
    reasons = data.reasons["next"][guess.row]
    row = rows().slice(guess.row, 1)
    (expected,) = scorer.explain(row, 4, heads=["next"]).to_pylist()
    assert [name for name, _, _ in reasons.shares] == expected["next.reasons"]
    shares = [share for _, share, _ in reasons.shares]
    assert shares == pytest.approx(expected["next.shares"], rel=1e-3, abs=1e-4)
    assert reasons.shares[0][2] == 1.0
    assert f">{shares[0]:+.3g}</span>" in page.read_text(encoding="utf-8")


def test_a_vocabulary_covers_its_share_of_all_that_occurs(data: ReportData) -> None:
    charts = {chart.title: chart for chart in vocabulary_charts(data)}
    (covered,) = charts["labels: covered by the most frequent"].series
    # 64 + 32 + ... + 2 of 254 targets, half of which are of no label that has an id.
    assert covered.points[0] == (1.0, 64 / 254)
    assert covered.points[-1] == (6.0, 126 / 254)
    (ranked,) = charts["words: how often, by rank"].series
    assert [count for _, count in ranked.points] == COUNTS


def test_the_head_and_tail_of_the_labels(data: ReportData) -> None:
    bars = label_bars(data, "next")
    assert bars.rows[0] == ("yes", 1.0, ("32", "12.60 %"))
    assert bars.rows[-1] == ("never", 1 / 32, ("1", "0.39 %"))


def test_accuracy_by_frequency_counts_every_row_with_a_target(data: ReportData) -> None:
    counted = [int(cells[-1]) for _, _, cells in frequency_bars(data.scored["next"]).rows]
    there = sum(bool(value) for value in rows().column("next").to_pylist())
    assert sum(counted) == there
    assert frequency_bars(data.scored["next"]).rows[-1][0] == "not in the vocabulary"


def test_accuracy_by_frequency_goes_by_the_heads_own_counts() -> None:
    """A word that is often an input and never a label is no frequent label."""
    guesses = [Guess(0, ("the",), (("the", 0.5),), True, 0.5)]
    guesses += [Guess(1, ("new",), (("the", 0.5),), False, 0.5)]
    head = FileHead("next", "classification", Field("next", "text"))
    scored = Scored(head, pa.array(["the", "new"]), [], guesses, {"the": 0, "cat": 3})
    names = [name for name, *_ in frequency_bars(scored).rows]
    assert names == ["never", "not in the vocabulary"]


def test_a_file_of_another_run_is_refused(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "run"
    shutil.copytree(run, manifest.staging(other))
    (manifest.staging(other) / "manifest.json").unlink()
    manifest.publish(other, stage="run", made_from="something else", facts={})
    with pytest.raises(Failure, match="must have been exported from the run") as failure:
        read(other, exported() / "model" / "model.onnx")
    assert failure.value.exit_code == Exit.USAGE


def test_without_its_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, data: ReportData
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(Failure, match="needs jinja2") as failure:
        report.render(data)
    assert failure.value.exit_code == Exit.ENVIRONMENT


def test_what_is_below_a_baseline_is_marked(page: Path) -> None:
    """Accuracy is below that of the best input, and log loss above no baseline's."""
    said = page.read_text(encoding="utf-8")
    assert said.count("A baseline is better in") == 1
    assert "A baseline is better in accuracy@1." in said
    assert '<td class="n below">0.5000</td>' in said
    assert "<br>log loss <span>1.2500</span>" in said
    assert '"n best">1.2500' in said


def test_below_is_what_falls_shorter_than_a_baseline(data: ReportData) -> None:
    baselines = {"next": {"strongest_input": {"input": "word", "test": {"log_loss": 1.25}}}}
    metrics = {"test": {"next": {"accuracy@1": 0.5, "log_loss": 1.5}}, "baselines": baselines}
    assert [row[:5] for row in report.metric_rows(replace(data, metrics=metrics), "next")] == [
        ("accuracy@1", [0.5, None, None], None, False, None),
        ("log_loss", [1.5, None, 1.25], 2, True, None),
    ]


@pytest.mark.parametrize(
    ("between", "best", "is_below"), [((1.4, 1.6), 2, True), ((1.2, 1.8), None, False)]
)
def test_nothing_within_noise_is_marked(
    data: ReportData, between: tuple[float, float], best: int | None, is_below: bool
) -> None:
    baselines = {"next": {"strongest_input": {"input": "word", "test": {"log_loss": 1.25}}}}
    of_baselines = {"next": {"strongest_input": {"test": {"log_loss": (1.2, 1.3)}}}}
    metrics = {
        "test": {"next": {"log_loss": 1.5}},
        "baselines": baselines,
        "intervals": {"test": {"next": {"log_loss": between}}},
        "baseline_intervals": of_baselines,
    }
    (row,) = report.metric_rows(replace(data, metrics=metrics), "next")
    assert row[:5] == ("log_loss", [1.5, None, 1.25], best, is_below, between)
    assert row.beside == [None, (1.2, 1.3)]


def test_what_an_unknown_target_counts_as_is_said(page: Path) -> None:
    said = page.read_text(encoding="utf-8")
    assert "count as one class in log_loss." in said


def test_a_report_never_takes_the_place_of_the_model(run: Path) -> None:
    model = exported() / "model" / "model.onnx"
    before = model.read_bytes()
    for output in (model, model.parent):
        with pytest.raises(Failure, match="must be a file, and not the model") as found:
            report.run(["--run", str(run), "--model", str(model), "--output", str(output)])
        assert found.value.exit_code == Exit.USAGE
    assert model.read_bytes() == before


def test_why_training_ended_is_said(run: Path, tmp_path: Path) -> None:
    data = read(run, exported() / "model" / "model.onnx")
    ended = {"epochs": 1, "of": 3, "why": "patience", "kept": None, "held_out_loss": None}
    said = report.render(replace(data, run={**data.run, "ended": ended}))
    assert "Ended after epoch 1 of 3: patience. The last weights are kept" in said


def test_of_a_wide_row_some_columns_are_shown_and_the_others_counted(data: ReportData) -> None:
    wide = [{f"column {at}": at for at in range(report.MOST_CELLS + 7)} for _ in data.rows]
    said = report.render(replace(data, rows=wide))
    assert f"column {report.MOST_CELLS - 1}<" in said and "and 7 more columns" in said
    assert f"column {report.MOST_CELLS}<" not in said
    assert "more columns" not in report.render(data)


def test_a_section_without_contents_is_left_out(
    data: ReportData, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "#alike" not in report.render(data)
    one = ("words", [("river", [("bank", 0.5)])])
    monkeypatch.setattr("serving.reporting.figures.neighbours", lambda data: iter([one]))
    assert "#alike" in report.render(data) and 'id="alike"' in report.render(data)
