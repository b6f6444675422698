"""What prepare does with a flag."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.inputs.flag.spec import Flag
from kinds.inputs.numbers import prepare as numbers
from kinds.inputs.numbers.naming import missing_flag
from kinds.prepare import Anomaly, Findings, Known, Which, flat, none_unknown, share


def field(part: Flag, column: str) -> Field:
    return Field(column, "flag", required=not part.says_missing)


def analysis(part: Flag, field: Field) -> Analysis:
    return Analysis(field)


def features(name: str, part: Flag, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    flags = column.to_numpy(zero_copy_only=False)
    missing = np.isnan(flags)
    filled = np.where(missing, np.float32(0), flags)
    return numbers.features(name, filled, missing if part.says_missing else None)


def feature_names(name: str, part: Flag) -> list[str]:
    return numbers.feature_names(name, part.says_missing)


def unknown(name: str, part: Flag, features: pa.RecordBatch, size: int) -> Which:
    return none_unknown(features)


def counts(name: str, part: Flag, features: pa.RecordBatch, size: int) -> dict[str, int]:
    missing = int(flat(features, missing_flag(name)).sum()) if part.says_missing else 0
    there = features.num_rows - missing
    yes = int(flat(features, name).sum())
    return {"values": features.num_rows, "missing": missing, "there": there, "positive": yes}


def statistics(part: Flag, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"inputs": {side: _shares(counts) for side, counts in sides.items()}}


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {
        "values": counts["values"],
        "missing": share(counts, "missing", "values"),
        "positive": share(counts, "positive", "there"),
    }


def anomalies(part: Flag, found: Findings) -> Iterator[Anomaly]:
    train = found.said["inputs"]["train"]
    if train["missing"] == 1:
        yield "ALL_MISSING", "no training row has a value here"
    elif train["positive"] in (0, 1):
        yield "CONSTANT", "all training rows that have a value here have the same"
