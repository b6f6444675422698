"""What prepare does with a head whose target is one number."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.columns.numerals import Numerals
from kinds.heads.numbers.spec import MeasuredPart, NumberPart
from kinds.lists import one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat, none_unknown, share


def field(part: MeasuredPart, column: str, *, nonnegative: bool = False) -> Field:
    numerals = Numerals(**part.format.model_dump(exclude_none=True))
    return Field(column, "number", nonnegative=nonnegative, numerals=numerals)


def analysis(part: NumberPart, field: Field) -> Analysis:
    return Analysis(field)


def features(name: str, part: NumberPart, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    return {name: one_each(column)}


def feature_names(name: str, part: NumberPart) -> list[str]:
    return [name]


def unknown(name: str, part: NumberPart, features: pa.RecordBatch, size: int) -> Which:
    return none_unknown(features)


def counts(name: str, part: NumberPart, features: pa.RecordBatch, size: int) -> dict[str, int]:
    values = flat(features, name)
    return {"rows": len(values), "missing": int(np.isnan(values).sum())}


def statistics(part: NumberPart, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"heads": {side: shares(counts) for side, counts in sides.items()}}


def shares(counts: Counter[str]) -> dict[str, float]:
    return {
        "targets": counts["rows"] - counts["missing"],
        "missing": share(counts, "missing", "rows"),
    }


def anomalies(part: NumberPart, found: Findings) -> Iterator[Anomaly]:
    if found.is_constant:
        yield "CONSTANT", "all training rows have the same target"
