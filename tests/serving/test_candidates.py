"""Labels that must not come back, and labels that alone may: what is left, as it was ranked."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
import pyarrow.parquet
import pytest
from small_run import LABELS, exported, small_rows

from kinds.columns import Field, cast
from kinds.heads.score import FileHead
from kinds.tensors import ids_of, only
from pipeline.failures import Exit, Failure
from serving import ask, score
from serving.explanation.explainer import Explainer, How
from serving.exporting.certified_candidates import certify_candidates
from serving.model_file.candidates import Candidates, Limit
from serving.model_file.feeds import feeds
from serving.scorer import Scorer

MODEL = "model.onnx"
ROWS, LISTS = 60, ("exclude", "only")


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer(exported() / "model" / MODEL)


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Rows with what each must not get back, and what alone it may."""
    draw = np.random.default_rng(3)
    known = [*LABELS, "no such label"]
    never = [draw.choice(known, draw.integers(0, 5)).tolist() for _ in range(ROWS)]
    alone = [draw.choice(known, draw.integers(0, 4)).tolist() for _ in range(ROWS)]
    never[0], never[1] = None, [None, "yes"]
    table = small_rows(ROWS).append_column("never", pa.array(never, pa.list_(pa.string())))
    return table.append_column("alone", pa.array(alone, pa.list_(pa.string())))


def ranked(scorer: Scorer, rows: pa.Table) -> list[list[tuple[str, float]]]:
    """All labels of each row, best first."""
    whole = scorer.score(rows, top_k=len(LABELS), heads=["next"])
    labels, scores = (whole.column(f"next.{of}").to_pylist() for of in ("labels", "scores"))
    return [list(zip(*of_row, strict=True)) for of_row in zip(labels, scores, strict=True)]


def expected(
    scorer: Scorer, rows: pa.Table, k: int, keeps: Callable[[int, str], bool]
) -> list[list[tuple[str, float]]]:
    every = ranked(scorer, rows)
    return [[one for one in own if keeps(at, one[0])][:k] for at, own in enumerate(every)]


def found(got: pa.Table) -> list[list[tuple[str, float]]]:
    labels, scores = (got.column(f"next.{of}").to_pylist() for of in ("labels", "scores"))
    return [list(zip(*of_row, strict=True)) for of_row in zip(labels, scores, strict=True)]


def lists(rows: pa.Table, column: str) -> list[Sequence[str]]:
    return [own or [] for own in rows.column(column).to_pylist()]


def test_k_of_what_is_left_come_back_with_the_scores_of_the_whole(
    scorer: Scorer, rows: pa.Table
) -> None:
    never = lists(rows, "never")
    got = scorer.score(rows, 3, ["next"], exclude="never")
    assert found(got) == expected(scorer, rows, 3, lambda at, label: label not in never[at])


def test_only_what_is_listed_comes_back(scorer: Scorer, rows: pa.Table) -> None:
    alone = lists(rows, "alone")
    got = scorer.score(rows, 3, ["next"], only="alone")
    assert found(got) == expected(scorer, rows, 3, lambda at, label: label in alone[at])
    assert min(map(len, found(got))) == 0


def test_both_together_and_lists_for_all_rows(scorer: Scorer, rows: pa.Table) -> None:
    never, alone = lists(rows, "never"), lists(rows, "alone")
    got = scorer.score(rows, 4, ["next"], exclude="never", only="alone")
    left = expected(scorer, rows, 4, lambda at, one: one in alone[at] and one not in never[at])
    assert found(got) == left
    got = scorer.score(rows, 4, ["next"], exclude=["no", "no such label"], only="alone")
    assert found(got) == expected(
        scorer, rows, 4, lambda at, label: label in alone[at] and label != "no"
    )
    got = scorer.score(rows, 4, ["next"], exclude="never", only=["yes", "no", "maybe"])
    few = {"yes", "no", "maybe"}
    assert found(got) == expected(
        scorer, rows, 4, lambda at, label: label in few and label not in never[at]
    )


def test_a_head_of_many_labels_a_row_is_limited_by_its_name(scorer: Scorer, rows: pa.Table) -> None:
    got = scorer.score(rows, 3, exclude={"tags": ["red"], "next": "never"})
    assert got.schema == scorer.score(rows, 3).schema
    assert all(sorted(own) == ["blue", "green"] for own in got.column("tags.labels").to_pylist())
    whole = scorer.score(rows, 3)
    for name in ("ends.score", "left.value"):
        assert got.column(name).equals(whole.column(name))


def test_what_is_not_limited_is_ranked_as_before(scorer: Scorer, rows: pa.Table) -> None:
    """A limit that leaves out nothing gives the same bits."""
    got = scorer.score(rows, 3, exclude={"next": ["no such label"], "tags": ["no such label"]})
    assert got.equals(scorer.score(rows, 3))


@pytest.mark.parametrize("size", [1, 7])
def test_a_row_has_the_same_labels_in_any_batch(scorer: Scorer, rows: pa.Table, size: int) -> None:
    whole = scorer.score(rows, 3, ["next"], exclude="never", only="alone")
    parts = [
        scorer.score(rows.slice(at, size), 3, ["next"], exclude="never", only="alone")
        for at in range(0, ROWS, size)
    ]
    names = [[label for label, _ in own] for own in found(whole)]
    assert [[label for label, _ in own] for part in parts for own in found(part)] == names


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"exclude": "never"}, "must name the head"),
        ({"exclude": {"ends": "never"}}, "a head with labels"),
        ({"exclude": {"next": "nowhere"}}, "missing"),
        ({"only": {"next": ["no such label"]}}, "must be left"),
    ],
)
def test_a_wish_that_fits_nothing_is_told(
    scorer: Scorer, rows: pa.Table, wishes: dict[str, Any], message: str
) -> None:
    with pytest.raises(Failure, match=message) as failure:
        scorer.score(rows, 3, **wishes)
    assert failure.value.exit_code == Exit.USAGE


def test_the_command_gives_what_the_scorer_gives_and_counts_unknown_labels(
    scorer: Scorer, rows: pa.Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow.parquet.write_table(rows, tmp_path / "rows.parquet")
    (tmp_path / "stock.txt").write_text("\n".join([*LABELS[2:], "gone", ""]), encoding="utf-8")
    base = ["--model", str(exported() / "model" / MODEL), "--heads", "next"]
    base += ["--input", str(tmp_path / "rows.parquet"), "--output", str(tmp_path / "s.parquet")]
    score.run([*base, "--exclude", "next=never", "--only", str(tmp_path / "stock.txt")])
    got = pyarrow.parquet.read_table(tmp_path / "s.parquet")
    wishes: dict[str, Any] = {"exclude": "never", "only": [*LABELS[2:], "gone"]}
    assert found(got) == found(scorer.score(rows, heads=["next"], **wishes))
    said = capsys.readouterr()
    there = [label for own in lists(rows, "never") for label in own if label is not None]
    unknown = there.count("no such label")
    assert f"next.exclude {unknown} of {len(there)}" in said.out
    assert "only: 1 of 5 labels are unknown to the head 'next'" in said.err
    assert "UNKNOWN_VALUES" not in said.err
    score.run([*base, "--force", "--only-column", "alone", "--exclude-file",
               str(tmp_path / "stock.txt")])  # fmt: skip
    got = pyarrow.parquet.read_table(tmp_path / "s.parquet")
    assert found(got) == found(scorer.score(rows, heads=["next"], only="alone", exclude=LABELS[2:]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--exclude", "never"], "must name the head"),
        (["--exclude", "next=never", "--exclude", "next=alone"], "takes one for each head"),
        (["--only", "next=/nowhere/to/be/found"], "a label a line"),
        (["--exclude", "next=nowhere"], "nowhere"),
    ],
)
def test_the_command_tells_what_does_not_fit(
    rows: pa.Table, tmp_path: Path, options: list[str], message: str
) -> None:
    pyarrow.parquet.write_table(rows, tmp_path / "rows.parquet")
    with pytest.raises(Failure, match=message) as failure:
        score.run(
            ["--model", str(exported() / "model" / MODEL), "--output", str(tmp_path / "s.parquet"),
             "--input", str(tmp_path / "rows.parquet"), *options]
        )  # fmt: skip
    assert failure.value.exit_code == Exit.USAGE


def test_a_question_leaves_out_what_is_typed(scorer: Scorer) -> None:
    row = {"word": "cat", "place": "1"}
    candidates = scorer.candidates({"next": Limit(exclude_column="gone")})
    best = ask.answer(scorer, row, 1).split("\n")[1].split()[-1]
    answer = ask.answer(scorer, row | {"gone": f"{best} unheard-of"}, 1, candidates=candidates)
    assert best not in answer.split("tags")[0]
    assert "(unknown values: next.exclude 1 of 2)" in answer


def test_plain_onnxruntime_takes_labels_as_texts(scorer: Scorer, rows: pa.Table) -> None:
    """One list for all rows, or one for each; without any the whole comes back."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    content = (exported() / "model" / MODEL).read_bytes()
    session = onnxruntime.InferenceSession(content, options)
    names = {one.name for one in session.get_overridable_initializers()}
    assert names == {"top_k", *(f"{head}.{of}" for head in ("next", "tags") for of in LISTS)}
    typed, _, _ = cast(rows.to_batches()[0], scorer.metadata.fields)
    given = feeds(typed, scorer.metadata.fields, scorer.metadata.lengths)
    (got,) = session.run(["next.labels"], given)
    assert got.tolist() == scorer.score(rows).column("next.labels").to_pylist()
    (got,) = session.run(["next.labels"], {**given, "next.exclude": np.array([["yes", ""]])})
    expected = scorer.score(rows, heads=["next"], exclude=["yes"])
    assert got.tolist() == expected.column("next.labels").to_pylist()
    alone = np.array([["yes", ""]] * ROWS, object)
    alone[1] = ""
    got, scores = session.run(["next.labels", "next.scores"], {**given, "next.only": alone})
    assert [[one for one in own if one] for own in got.tolist()] == [
        [] if at == 1 else ["yes"] for at in range(ROWS)
    ]
    assert not scores[:, 1:].any()
    assert not scores[1].any()


def test_the_certificate_has_every_case_of_every_head() -> None:
    content = json.loads((exported() / "model" / "certificate.json").read_text())
    cases = {case.split("/")[0] for case in content["candidates"]}
    assert cases == {"exclude", "exclude_for_all", "only", "only_for_all", "exclude_of_only"}
    assert {case.split("/")[1] for case in content["candidates"]} == {"next", "tags"}
    assert min(content["candidates"].values()) == 8


def test_a_file_that_gives_another_label_is_not_certified(scorer: Scorer) -> None:
    (head,) = scorer.heads(["tags"])
    labels = np.array([["red", "blue", "green"]] * 8, object)
    scores = np.tile(np.array([0.5, 0.25, 0.125], np.float32), (8, 1))
    whole = {"tags.labels": labels, "tags.scores": scores}
    with pytest.raises(Failure, match="what is left") as failure:
        certify_candidates(lambda _: whole, [head], whole, 3)
    assert failure.value.exit_code == Exit.INTEGRITY


def test_a_file_without_these_inputs_says_so(tmp_path: Path, scorer: Scorer) -> None:
    model = onnx.load(exported() / "model" / MODEL)
    for node in model.graph.node:
        node.output[:] = [name.replace("/ceiling", "/roof") for name in node.output]
        node.input[:] = [name.replace("/ceiling", "/roof") for name in node.input]
    (tmp_path / MODEL).write_bytes(model.SerializeToString())
    old = Scorer(tmp_path / MODEL, unchecked=True)
    with pytest.raises(Failure, match="export its run again") as failure:
        old.score(small_rows(2), heads=["next"], exclude=["yes"])
    assert failure.value.exit_code == Exit.USAGE


def test_what_is_explained_is_the_first_that_is_left(scorer: Scorer, rows: pa.Table) -> None:
    """And nothing where nothing is left."""
    explainer = Explainer(scorer, How(2), ["next"])
    candidates = scorer.candidates({"next": Limit(only_column="alone")})
    assert candidates is not None
    fields = [*scorer.metadata.fields, *candidates.fields]
    typed, _, _ = cast(rows.to_batches()[0], fields)
    results = scorer.score_typed(typed, 1, ["next"], candidates)
    reasons, shares = explainer.of(typed, results)
    firsts = results.column("next.labels").to_pylist()
    for at in (firsts.index([]), next(at for at, own in enumerate(firsts) if own)):
        own = rows.slice(at, 1)
        if firsts[at]:
            (alone,) = firsts[at]
            expected = scorer.explain(own, 2, heads=["next"], answers={"next": alone})
            assert expected.column("next.reasons").to_pylist() == [reasons[at].as_py()]
            np.testing.assert_allclose(
                expected.column("next.shares").to_pylist()[0], shares[at].as_py(), atol=1e-4
            )
        else:
            assert reasons[at].as_py() == shares[at].as_py() == []


def test_labels_for_all_rows_are_read_as_the_head_reads_its_cells() -> None:
    target = Field("y", "text", reading="values")
    head = FileHead("y", "classification", target, 2)
    limits = {"y": Limit(exclude_labels=["True"], only_labels=["8.0", "True"])}
    found = Candidates(limits, [head], [], {"y": pa.array(["true", "8"])})
    assert found.unknown == []
    nothing = pa.RecordBatch.from_pydict({"x": [1]})
    assert sorted(found.lists(nothing).of(0, 1)[ids_of(only("y"), "y")].ravel().tolist()) == [1]
