"""What prepare does with a date."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.columns.dates import seconds_of
from kinds.datetimes import DAYS_BEFORE, LOWEST, MISSING, calendar
from kinds.inputs.date.spec import FIRST_YEAR, SIZES, Date, feature_of
from kinds.inputs.number import prepare as numbers
from kinds.lists import one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat, none_unknown, share


def field(part: Date, column: str) -> Field:
    return Field(column, "date", required=part.missing == "reject", dates=part.format)


def analysis(part: Date, field: Field) -> Analysis:
    if part.ways.get("days") == "number":
        return Analysis(field, scale="standard")
    return Analysis(field, buckets=part.buckets)


def features(name: str, part: Date, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    seconds = seconds_of(column)
    missing = seconds == MISSING
    found = calendar(np.where(missing, 0, seconds - LOWEST))
    made: dict[str, pa.Array] = {}
    for piece in part.calendar():
        ids = np.where(missing, SIZES[piece], _ids(piece, found[piece]))
        made[feature_of(name, piece)] = one_each(pa.array(ids))
    if "days" in part.ways:
        number = np.where(missing, np.nan, found["days"] - DAYS_BEFORE).astype(np.float32)
        made |= numbers.features(feature_of(name, "days"), part.days(), pa.array(number), known)
    return made


def _ids(piece: str, found: np.ndarray) -> np.ndarray:
    if piece != "year":
        return found
    return np.clip(found - (FIRST_YEAR - 1), 0, SIZES["year"] - 1)


def feature_names(name: str, part: Date) -> list[str]:
    made = [feature_of(name, piece) for piece in part.calendar()]
    if "days" in part.ways:
        made += numbers.feature_names(feature_of(name, "days"), part.days())
    return made


def unknown(name: str, part: Date, features: pa.RecordBatch, size: int) -> Which:
    return none_unknown(features)


def counts(name: str, part: Date, features: pa.RecordBatch, size: int) -> dict[str, int]:
    return {"values": features.num_rows, "missing": _missing(name, part, features)}


def _missing(name: str, part: Date, features: pa.RecordBatch) -> int:
    for piece in part.calendar():
        return int((flat(features, feature_of(name, piece)) == SIZES[piece]).sum())
    found = numbers.counts(feature_of(name, "days"), part.days(), features, 0)
    return found.get("missing", 0)


def statistics(part: Date, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    return {"inputs": {side: _shares(counts) for side, counts in sides.items()}}


def _shares(counts: Counter[str]) -> dict[str, float]:
    return {"values": counts["values"], "missing": share(counts, "missing", "values")}


def anomalies(part: Date, found: Findings) -> Iterator[Anomaly]:
    if found.said["inputs"]["train"]["missing"] == 1:
        yield "ALL_MISSING", "no training row has a date here"
    elif found.is_constant:
        yield "CONSTANT", "all training rows have the same day here"
