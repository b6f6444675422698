"""What prepare does with a number."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.columns.numerals import Numerals
from kinds.inputs.number.spec import LIMIT, Number, cuts_of
from kinds.inputs.numbers import prepare as numbers
from kinds.inputs.numbers.naming import missing_flag, place_of
from kinds.lists import one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat, none_unknown, share
from kinds.scaling.prepare import scaled

Floats = npt.NDArray[np.float32]


def field(part: Number, column: str) -> Field:
    numerals = Numerals(**part.format.model_dump(exclude_none=True))
    return Field(column, "number", required=part.missing == "reject", numerals=numerals)


def analysis(part: Number, field: Field) -> Analysis:
    scale = part.scale if part.scale in ("standard", "log") else None
    return Analysis(field, scale=scale, buckets=part.buckets or part.pieces)


def features(name: str, part: Number, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    raw = column.to_numpy(zero_copy_only=False)
    filled = _filled(raw, part)
    if part.buckets is not None:
        bucket = np.searchsorted(known.boundaries, filled, side="right").astype(np.int64)
        return {name: one_each(pa.array(np.where(np.isnan(filled), part.buckets, bucket)))}
    number = scaled(part.scale, filled, known)
    number = np.where(np.isnan(number), np.float32(0), number)
    if part.scale != "none":
        number = np.clip(number, -LIMIT, LIMIT)
    made = numbers.features(name, number, np.isnan(raw) if part.says_missing else None)
    if part.pieces is not None:
        made[place_of(name)] = one_each(
            pa.array(_place(filled, np.array(cuts_of(known.boundaries), np.float32)))
        )
    return made


def _place(filled: Floats, cuts: Floats) -> Floats:
    """How many pieces lie below the number, and of its own the share: 0 where it is missing."""
    above = np.clip(np.searchsorted(cuts, filled, side="right"), 1, len(cuts) - 1)
    share = (filled - cuts[above - 1]) / (cuts[above] - cuts[above - 1])
    place = (above - 1).astype(np.float32) + np.clip(share, np.float32(0), np.float32(1))
    return np.where(np.isnan(filled), np.float32(0), place)


def _filled(numbers: Floats, part: Number) -> Floats:
    if not isinstance(part.missing, float):
        return numbers
    return np.where(np.isnan(numbers), np.float32(part.missing), numbers)


def feature_names(name: str, part: Number) -> list[str]:
    more = [] if part.pieces is None else [place_of(name)]
    return [*numbers.feature_names(name, part.says_missing), *more]


def unknown(name: str, part: Number, features: pa.RecordBatch, size: int) -> Which:
    return none_unknown(features)


def counts(name: str, part: Number, features: pa.RecordBatch, size: int) -> dict[str, int]:
    if part.buckets is not None:
        missing = int((flat(features, name) == part.buckets).sum())
    elif part.says_missing:
        missing = int((flat(features, missing_flag(name)) == 1).sum())
    else:
        return {}
    return {"values": features.num_rows, "missing": missing}


def statistics(part: Number, sides: Mapping[str, Counter[str]]) -> dict[str, dict[str, Any]]:
    if part.buckets is None and not part.says_missing:
        return {}
    return {"numbers": {"missing": share(sides["train"], "missing", "values")}}


def anomalies(part: Number, found: Findings) -> Iterator[Anomaly]:
    if found.said.get("numbers", {}).get("missing") == 1:
        yield "ALL_MISSING", "no training row has a number here"
    elif found.is_constant:
        yield "CONSTANT", "all training rows have the same number here"
