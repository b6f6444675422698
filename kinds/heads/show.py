"""Questions to a head about how people see it: report, card, page, `ask`, `--infer`, made-up rows.

`ask` and `serving.page` read this: numpy and pyarrow, no pydantic.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from kinds.answers import answers
from kinds.charts import Figure
from kinds.heads.guesses import Guess, Scored
from kinds.heads.score import FileHead
from kinds.looks.column import Column
from kinds.looks.look import Look


class Show(Protocol):
    """How a head is shown."""

    def guesses(
        self, head: FileHead, targets: pa.Array, outputs: Sequence[pa.Array]
    ) -> Iterator[Guess]:
        """Of typed targets and the file's outputs; rows without a target are left out."""

    def figures(self, scored: Scored) -> Iterator[Figure]:
        """What the report draws beside the metrics."""

    def mistakes_title(self) -> str:
        """What stands above the rows that are most wrong."""

    def task(self) -> str:
        """The task's name on Hugging Face."""

    def answer(self, head: FileHead, outputs: Sequence[Any]) -> Iterator[str]:
        """Lines of text for the outputs of one row."""

    def script(self) -> Path:
        """The JavaScript file with a function from the outputs of one row, and the head as the
        file describes it, to elements."""

    def could_be(self, column: Column) -> Look | None:
        """What speaks for a column being the head's target, if anything does."""

    def made_up(
        self, head: Any, texts: Sequence[str], signal: np.ndarray, random: np.random.Generator
    ) -> pa.Array:
        """Targets that follow from the signal: float [rows]. `texts` are the labels, if any."""


KINDS: dict[str, Show] = answers("kinds.heads", "show", Show)
