"""Reasons of the mistakes that the report shows: the inputs that matter most for each answer."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from kinds.heads.guesses import Scored, mistakes
from serving.explanation.explainer import Explainer, How
from serving.scorer import Scorer

MOST = 4


@dataclass(frozen=True)
class Reasons:
    """Of one answer: (input, its share, the size of that beside the greatest), and what memories
    have seen."""

    shares: list[tuple[str, float, float]]
    memories: list[str]


def reasons_of_mistakes(
    scorer: Scorer, typed: pa.RecordBatch, scored: Mapping[str, Scored]
) -> dict[str, dict[int, Reasons]]:
    """By head and row."""
    return {name: _of_head(scorer, typed, name, one) for name, one in scored.items()}


def _of_head(
    scorer: Scorer, typed: pa.RecordBatch, head: str, scored: Scored
) -> dict[int, Reasons]:
    rows = [guess.row for guess in mistakes(scored.guesses)]
    wrong = typed.take(pa.array(rows, pa.int64()))
    explainer = Explainer(scorer, How(MOST), [head])
    columns = explainer.of(wrong, scorer.score_typed(wrong, 1, [head]))
    found = zip(rows, *(column.to_pylist() for column in columns), strict=True)
    return {row: _reasons(*own) for row, *own in found}


def _reasons(names: list[str], shares: list[float], memories: list[str] | None = None) -> Reasons:
    most = max(map(abs, shares), default=0.0) or 1.0
    pairs = zip(names, shares, strict=True)
    return Reasons([(name, share, abs(share) / most) for name, share in pairs], memories or [])
