"""Where a file is right and where it is wrong, on held-out rows with targets: counts and rows.

What the report shows of each head beside its metrics. The file gives its best labels, a
probability or a number; a target that the vocabulary does not hold counts as wrong.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
SHOWN = 6
PAIRS = 10
_YES_OR_NO = ("no", "yes")
DECADES = (1, 10, 100, 1_000, 10_000, 100_000)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Guess:
    """One row: its place, its targets, and the best answers with their probabilities.

    `sure` orders guesses, the most telling first: by the probability of the first answer; of
    numbers, wrong ones by the size of the error and right ones by its smallness.
    """

    row: int
    targets: tuple[str, ...]
    answers: tuple[tuple[str, float | None], ...]
    right: bool
    sure: float

    @property
    def target(self) -> str:
        """The target as one text; only a set of labels has more than one."""
        return " ".join(self.targets)


@dataclass(frozen=True)
class Point:
    """The mean of what was said in one bin of rows, and of what then was."""

    said: float
    was: float
    rows: int


@dataclass(frozen=True)
class Group:
    """Rows by how often their label occurs in train; `least` is None where it is not known."""

    least: int | None
    rows: int
    first: float
    within: float


def calibration(said: Array, was: Array) -> list[Point]:
    """Bins of equally many rows, by rising `said` [rows]; `was` [rows] is what came true.

    >>> calibration(np.array([0.2, 0.4]), np.array([0, 1]))
    [Point(said=0.2, was=0.0, rows=1), Point(said=0.4, was=1.0, rows=1)]
    """
    order = np.argsort(said, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [Point(float(said[p].mean()), float(was[p].mean()), len(p)) for p in parts]


def off_by(points: Sequence[Point]) -> float:
    """The mean distance of said and was over all rows: the expected calibration error."""
    rows = sum(point.rows for point in points)
    return sum(abs(point.said - point.was) * point.rows for point in points) / max(rows, 1)


def by_frequency(
    targets: Sequence[str], places: Sequence[int | None], counts: Mapping[str, int]
) -> list[Group]:
    """Accuracy by the decade of the label's count in train. `places` [rows] is where the target
    stands among the answers, from 0, None where it does not.

    >>> by_frequency(["a", "b", "?"], [0, 3, None], {"a": 20, "b": 19})
    [Group(least=10, rows=2, first=0.5, within=1.0), Group(least=None, rows=1, first=0.0, \
within=0.0)]
    """
    groups: dict[int | None, list[int | None]] = {}
    for target, place in zip(targets, places, strict=True):
        groups.setdefault(_decade(counts.get(target, 0)), []).append(place)
    ordered = sorted(groups.items(), key=lambda item: (item[0] is None, item[0]))
    return [
        Group(
            least,
            len(found),
            float(np.mean([place == 0 for place in found])),
            float(np.mean([place is not None for place in found])),
        )
        for least, found in ordered
    ]


def _decade(count: int) -> int | None:
    return max((least for least in DECADES if least <= count), default=None)


def confused_pairs(
    guesses: Sequence[Guess], known: Mapping[str, int]
) -> list[tuple[str, str, int]]:
    """(target, answer, rows) of wrong answers, most frequent first; unknown targets left out."""
    pairs = Counter(
        (guess.target, guess.answers[0][0])
        for guess in guesses
        if not guess.right and guess.target in known
    )
    return [(target, answer, rows) for (target, answer), rows in pairs.most_common(PAIRS)]


def mistakes(guesses: Sequence[Guess]) -> list[Guess]:
    """The wrong ones that were surest, each pair of target and answer once."""
    wrong = sorted((g for g in guesses if not g.right), key=lambda guess: -guess.sure)
    return _distinct(wrong, [(g.target, g.answers[0][0]) for g in wrong])


def good_ones(guesses: Sequence[Guess], counts: Mapping[str, int]) -> list[Guess]:
    """Right ones, each target once: the rarer the target, the better."""
    right = sorted(
        (g for g in guesses if g.right), key=lambda g: (counts.get(g.target, 0), -g.sure)
    )
    return _distinct(right, [g.target for g in right])


def _distinct(guesses: Sequence[Guess], marks: Sequence[object]) -> list[Guess]:
    first: dict[object, Guess] = {}
    for guess, mark in zip(guesses, marks, strict=True):
        first.setdefault(mark, guess)
    return list(first.values())[:SHOWN]


def label_guesses(
    targets: Sequence[str | None], labels: Sequence[list[str]], scores: Sequence[list[float]]
) -> Iterator[Guess]:
    """One label a row; rows without a target are left out."""
    for row, target in enumerate(targets):
        if target:
            answers = tuple(zip(labels[row], scores[row], strict=True))
            right = bool(answers) and answers[0][0] == target
            yield Guess(row, (target,), answers, right, scores[row][0])


def label_set_guesses(
    targets: Sequence[list[str] | None], labels: Sequence[list[str]], scores: Sequence[list[float]]
) -> Iterator[Guess]:
    """Sets of labels; the first answer is right where it is one of them."""
    for row, target in enumerate(targets):
        if target is not None:
            answers = tuple(zip(labels[row], scores[row], strict=True))
            right = answers[0][0] in target
            yield Guess(row, tuple(target), answers, right, scores[row][0])


def binary_guesses(targets: Array, scores: Array) -> Iterator[Guess]:
    """Probabilities of yes; NaN for a missing target."""
    for row in np.flatnonzero(~np.isnan(targets)):
        score, is_yes = float(scores[row]), bool(targets[row] > 0.5)
        said_yes = score > 0.5
        answers = ((_YES_OR_NO[said_yes], max(score, 1 - score)),)
        target = (_YES_OR_NO[is_yes],)
        yield Guess(int(row), target, answers, said_yes == is_yes, answers[0][1])


def number_guesses(targets: Array, values: Array) -> Iterator[Guess]:
    """Numbers: right where the error is among the smaller half."""
    there = np.flatnonzero(~np.isnan(targets))
    errors = np.abs(values[there].astype(np.float64) - targets[there])
    middle = float(np.median(errors)) if len(errors) else 0.0
    for row, error in zip(there, errors, strict=True):
        answers = ((f"{values[row]:.4g}", None),)
        right = bool(error <= middle)
        sure = float(-error if right else error)
        yield Guess(int(row), (f"{targets[row]:.4g}",), answers, right, sure)
