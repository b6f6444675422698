"""Guesses of each kind of head, and what the report counts of them, against counts by hand."""

from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kinds.answers import check
from kinds.columns import Field
from kinds.heads import show
from kinds.heads.calibration import calibration, off_by
from kinds.heads.classification.show import confused_pairs, frequency_bars
from kinds.heads.guesses import SHOWN, Guess, Scored, good_ones, mistakes
from kinds.heads.score import FileHead

HEAD = FileHead("x", "classification", Field("x", "text"))


def guesses(kind: str, targets: list[Any], *outputs: list[Any]) -> list[Guess]:
    columns = [pa.array(output) for output in outputs]
    return [*show.KINDS[kind].guesses(HEAD, pa.array(targets), columns)]


def guess(target: str, answer: str, sure: float) -> Guess:
    return Guess(0, (target,), ((answer, sure),), target == answer, sure)


def test_a_calibrated_model_is_off_by_nothing() -> None:
    said = np.repeat(np.arange(10) / 10, 100)
    was = np.concatenate([np.arange(100) < 10 * tenth for tenth in range(10)])
    assert off_by(calibration(said, was.astype(float))) < 1e-12
    assert abs(off_by(calibration(said, np.ones(1000))) - 0.55) < 1e-12


def test_rows_without_a_target_are_left_out() -> None:
    found = guesses("classification", ["a", None, "", "b"], [["a"]] * 4, [[0.5]] * 4)
    assert [(g.row, g.right) for g in found] == [(0, True), (3, False)]
    for kind in ("binary", "regression", "count"):
        assert [g.row for g in guesses(kind, [1.0, np.nan, 9.0], [0.0] * 3)] == [0, 2]


def test_a_set_of_labels_is_met_by_any_of_them() -> None:
    found = guesses("multilabel", [["x", "y"], []], [["y", "z"]] * 2, [[0.9, 0.1]] * 2)
    assert [g.right for g in found] == [True, False]
    assert found[0].target == "x y"
    assert found[1].targets == ()


def test_yes_and_no_are_as_sure_as_their_own_probability() -> None:
    found = guesses("binary", [1.0, 0.0, 1.0], [0.75, 0.25, 0.25])
    assert [(g.answers[0], g.right) for g in found] == [
        (("yes", 0.75), True),
        (("no", 0.75), True),
        (("no", 0.75), False),
    ]


def test_the_greatest_errors_come_first_and_so_do_the_smallest_of_the_good() -> None:
    found = guesses("regression", [0.0, 1.0, 2.0, 3.0], [0.5, 1.0, 9.0, 23.0])
    assert [g.row for g in mistakes(found)] == [3, 2]
    assert [g.row for g in good_ones(found, {})] == [1, 0]


def test_labels_are_grouped_by_how_often_they_occur_in_train() -> None:
    found = guesses("classification", ["a", "b", "?"], [["a", "b"]] * 3, [[0.9, 0.1]] * 3)
    scored = Scored(HEAD, pa.array([]), [], found, {"a": 20, "b": 19})
    assert frequency_bars(scored).rows == [
        ("10 to 99 times", 1.0, ("100.0 %", "50.0 %", "2")),
        ("not in the vocabulary", 0.0, ("0.0 %", "0.0 %", "1")),
    ]


def test_pairs_are_counted_and_mistakes_shown_once_each() -> None:
    guesses = [guess("a", "b", 0.1 * at) for at in range(9)] + [guess("c", "d", 0.05)]
    assert confused_pairs(guesses, {"a": 1}) == [("a", "b", 9)]
    assert [(g.target, g.sure) for g in mistakes(guesses)] == [("a", 0.8), ("c", 0.05)]


def test_good_ones_are_of_different_targets_the_surest_first() -> None:
    guesses = [guess(str(at % 9), str(at % 9), 0.5 + at % 9 / 100) for at in range(90)]
    rare = {"0": 1}
    assert [g.target for g in good_ones(guesses, rare)] == ["8", "7", "6", "5", "4", "3"]
    guesses = [guess(str(at % 9), str(at % 9), 0.5) for at in range(90)]
    counts = {str(at): 100 - at for at in range(9)}
    assert [g.target for g in good_ones(guesses, counts)] == ["8", "7", "6", "5", "4", "3"]
    assert SHOWN == 6


def test_a_head_that_does_not_say_how_it_is_shown_is_refused() -> None:
    whole = show.KINDS["binary"]
    module = ModuleType("half")
    for name in ("guesses", "figures", "mistakes_title", "task", "answer", "script"):
        setattr(module, name, getattr(whole, name))
    with pytest.raises(TypeError, match="half must have could_be"):
        check(module, show.Show)
