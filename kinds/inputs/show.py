"""Questions to an input about how people see it: report, card, `--infer`, made-up rows."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from kinds.answers import answers
from kinds.looks.column import Column
from kinds.looks.look import Look


class Show(Protocol):
    """How an input is shown."""

    def lines(self, part: Any) -> list[str]:
        """What stands in its box in the picture of the model."""

    def missing(self, part: Any) -> str:
        """What a missing value becomes."""

    def could_be(self, column: Column) -> Look | None:
        """What speaks for a column being such an input, if anything does."""

    def made_up(
        self,
        part: Any,
        texts: Sequence[str],
        count: int,
        missing: float,
        random: np.random.Generator,
    ) -> tuple[Any, np.ndarray]:
        """Cells, and what each is worth: float [count] of mean 0 and variance near 1.

        An input that reads several columns gives a tuple of their cells. A share of the cells is
        `missing`; `texts` are the values of the vocabulary, if any.
        """


KINDS: dict[str, Show] = answers("kinds.inputs", "show", Show)
