"""Heads of labels, shown: the best labels and how probable each is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinds.charts import Chart
from kinds.heads import calibration
from kinds.heads.guesses import Guess

if TYPE_CHECKING:
    from kinds.heads.score import FileHead


def calibrated(head: str, guesses: Sequence[Guess]) -> Iterator[Chart]:
    """The chart of how probable the first answers were and how often they were right."""
    said, was = np.array([g.sure for g in guesses]), np.array([float(g.right) for g in guesses])
    return calibration.probability_chart(head, said, was)


def mistakes_title() -> str:
    return "Most confident mistakes"


def task() -> str:
    return "tabular-classification"


def answer(head: "FileHead", outputs: tuple[Sequence[str], Sequence[float]]) -> Iterator[str]:
    yield head.name
    for label, score in zip(*outputs, strict=True):
        yield f"{100 * score:>7.1f} %  {label}"
    if not outputs[0]:
        yield "   no answer"


def script() -> Path:
    return Path(__file__).with_name("page.js")


def slices(signal: np.ndarray, count: int) -> np.ndarray:
    """int [rows] below `count`: equally large slices of the signal, by size."""
    return np.argsort(np.argsort(signal)) * count // len(signal)
