"""Rows whose first answer is another one in a second model: how many of each head, and some.

Of heads over labels: an answer of others is a number, and no two models give the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.charts import percent
from kinds.heads.score import KINDS
from serving.scorer import Scorer

LONGEST_CELL = 40


class Changed:
    """Of the heads that both models have; `shown` rows of each are kept."""

    def __init__(self, a: Scorer, b: Scorer, heads: Sequence[str], shown: int) -> None:
        self._models, self._shown = (a, b), shown
        self._heads = [head for head in a.heads(heads) if head.entries is not None]
        self._columns = list(dict.fromkeys([*a.metadata.keys, *a.columns]))
        self._rows = 0
        self._counts = {head.name: 0 for head in self._heads}
        self._kept: dict[str, list[dict[str, Any]]] = {head.name: [] for head in self._heads}

    def add(self, typed: Sequence[pa.RecordBatch], raw: pa.RecordBatch) -> None:
        """The same rows as either model reads them, and as they came."""
        if not (raw.num_rows and self._heads):
            return
        names = [head.name for head in self._heads]
        results = [
            model.score_typed(rows, 1, names)
            for model, rows in zip(self._models, typed, strict=True)
        ]
        self._rows += raw.num_rows
        for head in self._heads:
            labels = next(iter(KINDS[head.kind].columns(head, labels_only=True)))
            a, b = (pc.list_element(one.column(labels), 0) for one in results)
            others = np.flatnonzero(pc.not_equal(a, b).to_numpy(zero_copy_only=False))
            self._counts[head.name] += len(others)
            kept = self._kept[head.name]
            for row in others[: self._shown - len(kept)].tolist():
                kept.append(
                    {"row": self._cells(raw, row), "a": a[row].as_py(), "b": b[row].as_py()}
                )

    def _cells(self, raw: pa.RecordBatch, row: int) -> dict[str, str]:
        there = [name for name in self._columns if name in raw.schema.names]
        return {name: str(raw.column(name)[row].as_py())[:LONGEST_CELL] for name in there}

    def content(self) -> dict[str, dict[str, Any]]:
        """{head: {rows, changed, examples}}"""
        return {
            head: {"rows": self._rows, "changed": count, "examples": self._kept[head]}
            for head, count in self._counts.items()
        }


def lines(content: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """For people: how many of each head, then a line for each row that was kept."""
    for head, one in content.items():
        share = percent(one["changed"] / max(one["rows"], 1))
        yield f"{head}: another first answer in {one['changed']:,} of {one['rows']:,} rows, {share}"
        for row in one["examples"]:
            said = ", ".join(f"{name} {cell}" for name, cell in row["row"].items())
            yield f"  {said}: {row['a']}, now {row['b']}"
