"""Rows by their side of the model's own split: what it was trained on, and what was held out."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.columns import Field, Rejected, cast
from pipeline.failures import Exit, Failure
from pipeline.sides import SIDES, Split
from serving.model_file.metadata import Metadata

COLUMN = "side"


class BySide:
    """Chooses rows by their side. Without `wanted` it takes all; `shown` adds each row's side as a
    column. Raises Failure 2 for a model that does not know its split."""

    def __init__(self, metadata: Metadata, wanted: Sequence[str] | None, *, shown: bool) -> None:
        self.shown = shown
        self._wanted = [SIDES.index(side) for side in wanted or ()]
        self._split: Split | None = None
        self._words = metadata.missing_words
        if wanted or shown:
            self._split = metadata.split
            if self._split is None:
                rule = "sides need a model that knows how its rows were split: one from an export"
                raise Failure(Exit.USAGE, rule, received=f"the model {metadata.name!r}")

    @property
    def columns(self) -> list[str]:
        """The columns that decide."""
        return list(self._split.columns) if self._split else []

    @property
    def needs_names(self) -> bool:
        """Whether the names of the files decide."""
        return self._split is not None and self._split.by == "file"

    def names(self) -> list[str]:
        """Of the columns that it adds."""
        return [COLUMN] if self.shown else []

    def of(
        self, file: str, rows: pa.RecordBatch
    ) -> tuple[npt.NDArray[np.int64], pa.Array | None, list[Rejected]]:
        """The rows that are wanted, their sides if they are shown, and rows without a side."""
        if self._split is None:
            return np.arange(rows.num_rows), None, []
        fields = [Field(column, "text", missing_words=self._words) for column in self.columns]
        texts, good, rejected = cast(rows, fields)
        sides = self._split.sides(file, texts.columns, len(good))
        kept = np.isin(sides, self._wanted) if self._wanted else np.ones(len(sides), dtype=bool)
        shown = pa.array(np.array(SIDES, object)[sides[kept]], pa.string())
        return good[kept], shown if self.shown else None, rejected
