"""Answers with a stated coverage: sets of labels and intervals of numbers that hold the truth as
often as asked, on rows like those that were held out.

By split conformal prediction (Papadopoulos et al. 2002; Angelopoulos and Bates 2021, A Gentle
Introduction to Conformal Prediction, arXiv:2107.07511, section 1): a kind says how strange each
answer to a row would be; the strangeness of the true answers of n calibration rows is known, and an
answer belongs to those given where it is no stranger than the ceil((n + 1) coverage)-th of them.
Then the truth is among them with the coverage asked, whatever the model is, as long as rows to
score and calibration rows come from the same source, in any order. NumPy and pyarrow only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from kinds.answers import answers
from kinds.heads.any.metrics import Array, Rows, Totals
from kinds.heads.score import FileHead
from pipeline.failures import Exit, Failure

# So many of the calibration rows' scores are kept: what is asked for is met within a thousandth.
KEPT = 1001
Limit = float | Array
"""The greatest score that an answer may have, of all rows or of each [rows]."""


@dataclass(frozen=True)
class Shape:
    """What a kind's scores depend on beside a row: the penalty of a rank (of labels), and whether
    numbers are compared by their logarithms."""

    penalty: float = 0.0
    log: bool = False


@dataclass(frozen=True)
class Calibration:
    """The scores of the true answers of calibration rows, by rising `places` among all `rows`."""

    rows: int
    places: Sequence[int]
    scores: Sequence[float]
    shape: Shape = Shape()

    @classmethod
    def of(cls, scores: Array, shape: Shape, most: int = KEPT) -> "Calibration":
        """Infinite is a truth that no answer can be, such as a label that no vocabulary holds. At
        `most` so many scores are kept."""
        rising = np.sort(scores)
        places = np.unique(np.linspace(0, len(rising) - 1, min(len(rising), most)).round())
        kept = places.astype(np.int64)
        return cls(len(rising), kept.tolist(), rising[kept].tolist(), shape)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Calibration":
        """Raises KeyError, TypeError or ValueError for what `content` has not written."""
        scores = [math.inf if one is None else float(one) for one in said["scores"]]
        places = [int(place) for place in said["places"]]
        if len(places) != len(scores) or not places:
            raise ValueError("scores")
        shape = Shape(float(said["penalty"]), bool(said["log"]))
        return cls(int(said["rows"]), places, scores, shape)

    def content(self) -> dict[str, Any]:
        scores = [None if math.isinf(one) else float(f"{one:.7g}") for one in self.scores]
        said = {"rows": self.rows, "places": list(self.places), "scores": scores}
        return {**said, "penalty": self.shape.penalty, "log": self.shape.log}

    def limit(self, coverage: float) -> float:
        """The greatest score that an answer may have; infinite where too few rows or too many
        impossible truths stand against it."""
        place = math.ceil((self.rows + 1) * coverage) - 1
        at = int(np.searchsorted(self.places, place))
        return float(self.scores[at]) if at < len(self.scores) else math.inf

    def most(self) -> float:
        """The greatest coverage that can be had, about: that of the last finite score."""
        finite = [p for p, one in zip(self.places, self.scores, strict=True) if math.isfinite(one)]
        return (finite[-1] + 1) / (self.rows + 1) if finite else 0.0


class Coverage(Protocol):
    """What each kind of head is asked."""

    def strangeness(self, rows: Rows, shape: Shape) -> Array | None:
        """[rows] the score of each row's target; None of a kind without such answers. `rows` are
        those of metrics, in the target's own unit."""

    def penalties(self) -> Sequence[float]:
        """The penalties of a rank to choose from; none for a kind whose answers have no ranks."""

    def sizes(self, found: Array, limit: Limit, shape: Shape) -> Array:
        """[rows] how large the answers are, from the falling probabilities of labels [rows, k] or
        the numbers that the head gives: labels in a set, or the length of an interval."""

    def columns(self, head: FileHead) -> dict[str, pa.DataType]:
        """The columns of the answers."""

    def answers(
        self, head: FileHead, found: Mapping[str, Array], limit: Limit, shape: Shape
    ) -> dict[str, Array]:
        """A value for each of these columns, from the columns of the results: of labels [rows] how
        many of the best are answers, of numbers the ends."""

    def threshold(self, rows: Rows, weights: Array, aim: Any) -> float | None:
        """The least score of yes that reaches the aim on these rows; None where none does, or of a
        kind that has no yes. `rows` are those of metrics."""

    def reached(self, rows: Rows, weights: Array, threshold: float) -> dict[str, float]:
        """What the threshold reaches on these rows."""

    def add_reached(self, totals: Totals, rows: Rows, weights: Array, threshold: float) -> None:
        """The same as means of rows, of which intervals are made."""

    def decision(self, head: FileHead) -> dict[str, pa.DataType]:
        """The column of yes or no."""

    def decided(
        self, head: FileHead, found: Mapping[str, Array], threshold: float
    ) -> dict[str, Array]:
        """The value of this column, from the columns of the results."""

    def script(self) -> Path:
        """The JavaScript file with `answers` for one row: a function from the outputs, the limit
        and the shape to the `size` of a set, or to `low` and `high`."""


KINDS: dict[str, Coverage] = answers("kinds.heads", "coverage", Coverage)


def checked_limit(head: FileHead, found: Calibration, coverage: float, where: str = "") -> float:
    """Raises Failure 2 for a coverage that the calibration rows cannot give."""
    limit = found.limit(coverage)
    if math.isinf(limit):
        rule = f"the coverage of {head.name}{where} must be below {found.most():.3f}: its "
        rule += (
            "calibration rows are too few for more, or have labels that the model does not know; "
        )
        rule += "ask for less, or leave the head out (--heads)"
        raise Failure(Exit.USAGE, rule, received=coverage)
    return limit
