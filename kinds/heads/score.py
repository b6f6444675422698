"""Heads of a file that is scored: what comes out, of which tensors, and how it is compared.

NumPy and pyarrow only: the scorer has neither a spec nor TensorFlow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from kinds.answers import answers
from kinds.columns import Field
from kinds.differences import Array, Difference
from kinds.heads.evidence import Evidence
from kinds.tensors import Tensor

Ranks = tuple[np.ndarray[tuple[int], np.dtype[np.int64]], pa.Array, pa.Array]


@dataclass(frozen=True)
class FileHead:
    """One head of a file: what the scorer knows of it.

    `target` is the typed column that it was trained on, `entries` the number of its labels, None
    where it has none. `settings` are those that its kind needs to read the file.
    """

    name: str
    kind: str
    target: Field
    entries: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The raw column of the target."""
        return self.target.column

    @property
    def memories(self) -> Sequence[str]:
        """Those that are mixed in, whose tensors are those of kinds.tensors.mixed."""
        return self.settings.get("memory", ())

    @property
    def filtered(self) -> str | None:
        """The raw column of the labels that filtered metrics leave out, if it has some."""
        return self.settings.get("filtered")

    def unfiltered(self) -> "FileHead":
        """Without filtered metrics, for rows that lack that column."""
        kept = {name: said for name, said in self.settings.items() if name != "filtered"}
        return replace(self, settings=kept)

    @property
    def is_mixed(self) -> bool:
        return bool(self.memories)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The columns of its results, which are called so in the file, too."""
        return tuple(KINDS[self.kind].columns(self, labels_only=False))


class Score(Protocol):
    def columns(self, head: FileHead, labels_only: bool) -> dict[str, pa.DataType]:
        """The columns of the results. A list of texts holds labels, best first."""

    def tensors(self, head: FileHead) -> dict[str, Tensor]:
        """The tensor that each column is made of: ids for labels, else the numbers themselves."""

    def score_alone(self) -> Callable[[Array], Array] | None:
        """Makes a label's score of its own logit; None where that takes the others' logits too."""

    def difference(
        self,
        head: FileHead,
        got: Mapping[str, Array],
        expected: Array,
        labels: Sequence[str],
        allowed: Array,
    ) -> Difference:
        """How far the file's outputs are from what Keras gives for the head.

        `allowed` [rows] is by how much more than others a row may differ.
        """

    def has_several(self) -> bool:
        """Whether a row may have several labels, each a yes or no of its own."""

    def leaning(self, head: FileHead, said: Evidence) -> Array:
        """float64 [rows]: what an explanation divides among the inputs. Log odds of the answer,
        if it is `in_log_odds`, else the number itself."""

    def in_log_odds(self) -> bool:
        """Whether `leaning` gives log odds."""

    def middle(self, head: FileHead) -> int:
        """Which of several numbers of a row stands for all of them."""

    def ranks(self, head: FileHead, results: pa.RecordBatch) -> Ranks:
        """How many ranks each row has, and the label and the score of all, row after row."""


KINDS = answers("kinds.heads", "score", Score)
