"""Rows typed by hand get the answers that the scorer gives."""

import subprocess
import sys

import pyarrow as pa
import pytest
from small_run import LABELS, exported

from kinds.columns import Field
from pipeline.failures import Exit, Failure
from serving.ask import answer, cell_of, converse
from serving.explanation.explainer import How
from serving.scorer import Scorer
from serving.scoring.asked import Asked

MODEL = exported() / "model" / "model.onnx"
ROW = {"word": "cat", "previous": "the cat sat", "age": "40", "place": "1.5"}


def asked(text: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "serving.ask", "--model", str(MODEL), "--top-k", "2"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_each_row_is_answered_as_the_scorer_answers_it() -> None:
    first = "".join(f"{column}={value}\n" for column, value in ROW.items())
    done = asked(f"{first}\nplace=2\n")
    assert done.returncode == Exit.DONE, done.stderr
    answers = done.stdout.split("next\n")[1:]
    rows = {name: [value, None] for name, value in ROW.items()} | {"place": ["1.5", "2"]}
    table = pa.table({**rows, "size": pa.nulls(2, pa.string()), "key": ["", ""]})
    for said, expected in zip(answers, Scorer(MODEL).score(table, 2).to_pylist(), strict=True):
        best, second = (
            f"{100 * score:>7.1f} %  {label}"
            for label, score in zip(expected["next.labels"], expected["next.scores"], strict=True)
        )
        assert said.splitlines()[:2] == [best, second]
        assert f"ends  {100 * expected['ends.score']:.1f} %" in said
        assert f"left  {expected['left.value']:.4g}" in said


def test_all_labels_can_be_asked_for() -> None:
    said = answer(Scorer(MODEL), ROW, len(LABELS)).splitlines()
    shown = said[1 : said.index("tags")]
    assert sorted(line.split("%  ")[1] for line in shown) == sorted(LABELS)


def test_a_column_that_is_not_the_models_is_refused() -> None:
    done = asked("wrod=cat\n")
    assert done.returncode == Exit.USAGE
    assert "Received: wrod=cat" in done.stderr
    assert "; near it: 'word'. " in done.stderr
    with pytest.raises(Failure, match="a line is column=value"):
        cell_of("word", Scorer(MODEL).metadata.fields)


def test_a_file_with_a_mark_is_read_and_a_line_that_is_no_text_is_told() -> None:
    command = [sys.executable, "-m", "serving.ask", "--model", str(MODEL), "--top-k", "2"]
    lines = b"\xef\xbb\xbfplace=1\r\n\r\nword=\xff\nplace=1\n\nplace=1\n"
    done = subprocess.run(command, input=lines, capture_output=True, check=False)
    assert done.returncode == Exit.USAGE
    assert done.stderr.decode().count("error: ") == 1
    assert "a line must be UTF-8 text. Received: word=\ufffd" in done.stderr.decode()
    assert done.stdout.decode().count("next\n") == 2


def test_after_a_typo_the_next_rows_are_answered_all_the_same() -> None:
    first = "".join(f"{column}={value}\n" for column, value in ROW.items())
    done = asked(f"wrod=cat\n{first}\nplace=far\n\n{first}")
    assert done.returncode == Exit.USAGE
    assert done.stdout == asked(first).stdout
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "error"]


def test_a_person_keeps_the_row_and_gets_another_prompt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = ["Word=cat\n", "word=cat\n", "\n", "place=far\n", "place=1.5\n", "\n"]
    converse(Scorer(MODEL), lines, 2, is_person=True)
    said = capsys.readouterr().out
    wrong, _, incomplete, unfit, _, answered, rest = said.split("> ")[1:]
    assert "; near it: 'word'. Received: Word=cat" in wrong
    assert "missing in column 'place'" in incomplete
    assert "not_a_number in column 'place'. Received: far" in unfit
    assert answered.strip() == answer(Scorer(MODEL), {"word": "cat", "place": "1.5"}, 2).strip()
    assert not rest


def test_a_row_that_does_not_fit_is_refused_with_its_reason() -> None:
    done = asked("place=far\n")
    assert done.returncode == Exit.BAD_ROWS
    assert "not_a_number in column 'place'" in done.stderr


def test_a_column_may_hold_the_sign_that_ends_its_name() -> None:
    fields = [Field("a", "text"), Field("a=b", "text")]
    assert cell_of("a=b=c", fields) == {"a=b": "c"}


def test_why_is_told_below_each_head() -> None:
    scorer = Scorer(MODEL)
    (further,) = Asked(How(2, answers={"tags": "blue"})).made(scorer, None)
    said = answer(scorer, ROW, 1, [further]).splitlines()
    plain = answer(scorer, ROW, 1).splitlines()
    assert [line for line in said if line in plain] == plain
    table = pa.table({name: [value] for name, value in {**ROW, "size": None, "key": ""}.items()})
    (expected,) = scorer.explain(table, 2, answers={"tags": "blue"}).to_pylist()
    for head, unit in (
        ("next", "log odds"),
        ("tags", "log odds"),
        ("left", "the target's own unit"),
    ):
        at = next(n for n, line in enumerate(said) if line.split()[0] == head)
        at += 1 if head == "left" else 2
        assert said[at] == f"  why{' to blue' if head == 'tags' else ''}, in {unit}"
        lines = [line.split() for line in said[at + 1 : at + 3]]
        assert [name for _, name in lines] == expected[f"{head}.reasons"]
        assert [share for share, _ in lines] == [f"{s:+.3g}" for s in expected[f"{head}.shares"]]
