"""What prepare does with a vector."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.inputs.numbers.naming import missing_flag
from kinds.inputs.vector.spec import LIMIT, VectorInput
from kinds.lists import lists_of, one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat, none_unknown, share


def field(part: VectorInput, column: str) -> Field:
    required = not part.says_missing
    return Field(column, "vector", part.separator, required=required, width=part.width)


def analysis(part: VectorInput, field: Field) -> Analysis:
    return Analysis(field, part.width, scale="standard" if part.scale == "standard" else None)


def features(name: str, part: VectorInput, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    there = column.is_valid().to_numpy(zero_copy_only=False)
    numbers = np.zeros((len(column), part.width), np.float32)
    numbers[there] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, part.width)
    if part.scale == "standard":
        numbers[there] = np.clip((numbers[there] - known.mean) / known.std, -LIMIT, LIMIT)
    lengths = np.full(len(column), part.width)
    made = {name: lists_of(pa.array(numbers.reshape(-1)), lengths)}
    if part.says_missing:
        made[missing_flag(name)] = one_each(pa.array((~there).astype(np.float32)))
    return made


def feature_names(name: str, part: VectorInput) -> list[str]:
    return part.feature_names(name)


def unknown(name: str, part: VectorInput, features: pa.RecordBatch, size: int) -> Which:
    return none_unknown(features)


def counts(name: str, part: VectorInput, features: pa.RecordBatch, size: int) -> dict[str, int]:
    missing = int(flat(features, missing_flag(name)).sum()) if part.says_missing else 0
    return {"values": features.num_rows, "missing": missing}


def statistics(part: VectorInput, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"numbers": {"missing": share(sides["train"], "missing", "values")}}


def anomalies(part: VectorInput, found: Findings) -> Iterator[Anomaly]:
    if found.said["numbers"]["missing"] == 1:
        yield "ALL_MISSING", "no training row has a vector here"
    elif found.is_constant:
        yield "CONSTANT", "all training rows have the same number everywhere here"
