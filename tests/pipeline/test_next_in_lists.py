"""A first spec for lists: what comes next in them, where their order means something."""

import io
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from kinds.looks.column import Column
from kinds.looks.sequels import Order, order_of
from pipeline import prepare
from pipeline.failures import Exit, Failure
from pipeline.preparing import infer
from pipeline.preparing.inferring.wishes import Questions, Wishes, asked_order
from pipeline.run import run
from pipeline.spec import Spec
from pipeline.spec.file import parse_spec

R = random.Random
ITEMS = [f"i{at}" for at in range(60)]
Lists = list[list[str]]


def _walks(count: int, length: Callable[[random.Random], int], seed: int = 1) -> Lists:
    """Each item has three that often follow it."""
    r, found = R(seed), []
    for _ in range(count):
        walk = [r.randrange(60)]
        for _ in range(length(r) - 1):
            often = (walk[-1] * 7 + r.randrange(3)) % 60
            walk.append(often if r.random() < 0.7 else r.randrange(60))
        found.append([ITEMS[at] for at in walk])
    return found


def _some(r: random.Random) -> int:
    return r.randint(3, 15)


def _sets(count: int, most: int, *, in_order: Callable[[str], Any] | None = None) -> Lists:
    r = R(2)
    lists = [r.sample(ITEMS, r.randint(1, most)) for _ in range(count)]
    return [sorted(own, key=in_order) for own in lists] if in_order else lists


def _popular_first(item: str) -> int:
    return int(item[1:]) * 37 % 61


ORDERED: dict[str, tuple[str, Sequence[Any]]] = {
    "histories": ("items", _walks(400, _some)),
    "walks under a name that says nothing": ("x", _walks(400, _some)),
    "short sessions": ("clicks", _walks(400, lambda r: r.randint(2, 4))),
    "numbers": ("x", [[own[1:] for own in one] for one in _walks(400, _some)]),
    "a path in one text": ("path", [">".join(one) for one in _walks(400, _some)]),
    "events in one text": ("events", [" ".join(one) for one in _walks(400, _some)]),
}
SETS: dict[str, tuple[str, Sequence[Any]]] = {
    "tags": ("tags", _sets(400, 5)),
    "long sets": ("x", _sets(900, 20)),
    "sorted ones": ("x", _sets(900, 20, in_order=str)),
    "sorted numbers": (
        "x",
        [sorted((own[1:] for own in one), key=int) for one in _sets(900, 20)],
    ),
    "the most popular first": ("x", _sets(900, 20, in_order=_popular_first)),
    "genres in one text": ("genres", ["|".join(one) for one in _sets(400, 4)]),
    "ingredients": ("ingredients", _sets(400, 14)),
}


def _order(name: str, cells: Sequence[Any]) -> Order | None:
    kind = pa.string() if isinstance(cells[0], str) else pa.list_(pa.string())
    return order_of(Column(name, name, pa.array(cells, kind)))


@pytest.mark.parametrize("shape", ORDERED)
def test_lists_whose_order_means_something(shape: str) -> None:
    order = _order(*ORDERED[shape])
    assert order is not None
    assert order.means_something, order


@pytest.mark.parametrize("shape", SETS)
def test_lists_that_are_sets(shape: str) -> None:
    order = _order(*SETS[shape])
    assert order is not None
    assert not order.means_something, order


@pytest.mark.parametrize(
    "cells",
    [
        [["0.25", "0.5"], ["0.75", "1.5"]] * 200,
        [[f"once {at}", f"and {at}"] for at in range(300)],
        [f"The film was good and number {at} too." for at in range(300)],
    ],
)
def test_vectors_and_running_text_have_no_next_element(cells: Sequence[Any]) -> None:
    assert _order("items", cells) is None


def _write(path: Path, lists: Lists, **more: Callable[[list[str]], Any]) -> str:
    with path.open("w", encoding="utf-8") as file:
        for at, own in enumerate(lists):
            row = {"user": f"u{at}", "items": own, **{n: make(own) for n, make in more.items()}}
            file.write(json.dumps(row) + "\n")
    return str(path)


def _inferred(path: str, *targets: str) -> tuple[Spec, str]:
    text = infer.spec_for([path], said=Wishes(targets=targets))
    return parse_spec(text), " ".join(line.strip(" #") for line in text.splitlines())


@pytest.mark.parametrize("targets", [("items",), ()])
def test_a_user_and_a_list_make_a_model_of_what_comes_next(
    targets: tuple[str, ...], tmp_path: Path
) -> None:
    spec, text = _inferred(_write(tmp_path / "a.jsonl", _walks(300, _some)), *targets)
    head = spec.heads["next"].model_dump()
    assert (head["kind"], head["next_of"], head["tied"]) == ("classification", "items", "items")
    assert set(spec.inputs) == {"items", "items_last", "items_recent"}
    assert spec.keys == ("user",)
    assert spec.split.model_dump()["columns"] == ()
    assert spec.split.by == "last"
    assert spec.memory == "auto"
    assert "what comes next in lists whose order means something (a name of" in text
    assert "If they are sets of labels, `items: {kind: multilabel, vocabulary: items}`" in text


def test_the_same_run_once_more_finds_its_spec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, out = _write(tmp_path / "a.jsonl", _walks(120, _some)), tmp_path / "out"
    arguments = ["--input", rows, "--output", str(out), "--print-config", "--target"]
    run([*arguments, "items"])
    run([*arguments, "items"])
    assert "is there and stays" in capsys.readouterr().err
    with pytest.raises(Failure, match="it predicts items") as failure:
        run([*arguments, "user"])
    assert failure.value.exit_code == Exit.OCCUPIED


def test_what_is_known_only_when_a_list_ends_is_left_out(tmp_path: Path) -> None:
    rows = _write(
        tmp_path / "a.jsonl",
        _walks(300, _some),
        many=len,
        latest=lambda own: own[-1],
        others=lambda own: own[::-1],
        country=lambda own: "abc"[len(own) % 2],
    )
    spec, text = _inferred(rows, "items")
    assert set(spec.inputs) == {"items", "items_last", "items_recent", "country"}
    assert "left out: \"many\": it says how long the list of 'items' will be" in text
    assert "left out: \"latest\": its value is one of those in 'items', perhaps one to come" in text
    assert 'left out: "others": nobody knows which of its elements came before' in text


def test_the_head_has_a_name_of_its_own(tmp_path: Path) -> None:
    rows = _write(tmp_path / "a.jsonl", _walks(300, _some), next=lambda own: "xyz"[len(own) % 3])
    spec, _ = _inferred(rows, "items")
    assert [*spec.heads] == ["next_items"]
    assert "next" in spec.inputs


def test_of_lists_that_are_too_short_whole_rows_are_held_out(tmp_path: Path) -> None:
    rows = _write(tmp_path / "a.jsonl", _walks(600, lambda r: 2))
    text = infer.spec_for([rows], said=Wishes(targets=("items",)), ask=_saying(True))
    assert parse_spec(text).split.model_dump()["columns"] == ("user",)


def test_beside_another_target_lists_are_sets(tmp_path: Path) -> None:
    rows = _write(
        tmp_path / "a.jsonl",
        _walks(300, _some),
        label=lambda own: "uv"[len(own) % 2],
        x=lambda own: len(own) / 4,
    )
    spec, _ = _inferred(rows, "items", "label")
    assert {name: head.kind for name, head in spec.heads.items()} == {
        "items": "multilabel",
        "label": "classification",
    }


def _saying(answer: bool) -> Questions:
    return Questions(target=lambda names: names[0], order=lambda column, order: answer)


@pytest.mark.parametrize(("answer", "kind"), [(True, "classification"), (False, "multilabel")])
def test_somebody_is_asked_where_the_lists_do_not_say_it(
    answer: bool, kind: str, tmp_path: Path
) -> None:
    # Two each, which come again by chance only.
    r, path = R(5), tmp_path / "a.jsonl"
    rows = [{"x": r.choice("pq"), "y": [r.choice(ITEMS) for _ in range(3)]} for _ in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    order = _order("y", [row["y"] for row in rows])
    assert order is not None
    assert not order.is_sure
    text = infer.spec_for([str(path)], said=Wishes(targets=("y",)), ask=_saying(answer))
    assert [head.kind for head in parse_spec(text).heads.values()] == [kind]


def test_a_person_at_a_terminal_says_whether_an_order_means_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    likely = Order(1.0, "elements come twice", "")
    assert asked_order("items", likely)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    for line, expected in (("2\n", False), ("1\n", True), ("\n", True), ("no\n2\n", False)):
        monkeypatch.setattr(sys, "stdin", Terminal(line))
        assert asked_order("items", likely) is expected
    assert "For an order: elements come twice." in shown.getvalue()


def test_the_command_never_asks_in_a_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare.run(["--infer", _write(tmp_path / "a.jsonl", _walks(200, _some)), "--target", "items"])
    assert [*parse_spec(capsys.readouterr().out).heads] == ["next"]


@pytest.mark.parametrize(("items", "selected"), [(60, None), (1_200, "ndcg@10")])
def test_of_many_items_the_weights_that_rank_best_are_kept(
    items: int, selected: str | None, tmp_path: Path
) -> None:
    r = R(6)
    lists = [[f"i{r.randrange(items)}" for _ in range(12)] for _ in range(600)]
    spec, _ = _inferred(_write(tmp_path / "a.jsonl", lists), "items")
    assert spec.heads["next"].select == selected
