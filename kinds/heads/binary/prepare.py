"""What prepare does with a binary head."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from kinds.columns import Field
from kinds.heads.binary.spec import Binary
from kinds.heads.numbers import prepare as numbers
from kinds.heads.numbers.prepare import analysis as analysis
from kinds.heads.numbers.prepare import feature_names as feature_names
from kinds.heads.numbers.prepare import features as features
from kinds.heads.numbers.prepare import unknown as unknown
from kinds.prepare import Anomaly, Findings, flat


def field(part: Binary, column: str) -> Field:
    return Field(column, "flag")


def counts(name: str, part: Binary, features: pa.RecordBatch, size: int) -> dict[str, int]:
    positive = int((flat(features, name) == 1).sum())
    return {**numbers.counts(name, part, features, size), "positive": positive}


def statistics(part: Binary, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"heads": {side: _shares(counts) for side, counts in sides.items()}}


def _shares(counts: Counter[str]) -> dict[str, float]:
    shares = numbers.shares(counts)
    targets = shares["targets"]
    return {**shares, "positive": counts["positive"] / targets if targets else 0.0}


def anomalies(part: Binary, found: Findings) -> Iterator[Anomaly]:
    if found.said["heads"]["train"]["positive"] in (0, 1):
        yield "ONE_CLASS", "all training rows have the same target"
