"""Guesses of a model on held-out rows beside their targets, and the ones worth showing.

A target that the vocabulary does not hold counts as wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from kinds.heads.score import FileHead

SHOWN = 6


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
class Scored:
    """One head of the held-out rows: its targets and outputs by row, and the guesses.

    `counts` says how often each label occurs in train; a head without labels has none.
    """

    head: FileHead
    targets: pa.Array
    outputs: Sequence[pa.Array]
    guesses: Sequence[Guess]
    counts: Mapping[str, int]


def mistakes(guesses: Sequence[Guess]) -> list[Guess]:
    """The wrong ones that were surest, each pair of target and answer once."""
    wrong = sorted((g for g in guesses if not g.right), key=lambda guess: -guess.sure)
    return _distinct(wrong, [(g.target, g.answers[0][0]) for g in wrong])


def good_ones(guesses: Sequence[Guess], counts: Mapping[str, int]) -> list[Guess]:
    """The right ones that were surest, each target once; of equally sure ones the rarest first."""
    right = sorted(
        (g for g in guesses if g.right), key=lambda g: (-g.sure, counts.get(g.target, 0))
    )
    return _distinct(right, [g.target for g in right])


def _distinct(guesses: Sequence[Guess], marks: Sequence[object]) -> list[Guess]:
    first: dict[object, Guess] = {}
    for guess, mark in zip(guesses, marks, strict=True):
        first.setdefault(mark, guess)
    return list(first.values())[:SHOWN]
