"""What prepare does with a classification."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.numbering import MISSING
from kinds.heads.labels.prepare import analysis as analysis
from kinds.heads.labels.prepare import feature_names as feature_names
from kinds.heads.labels.prepare import statistics as statistics
from kinds.lists import have, list_lengths, lists_of, one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat


def field(part: Classification, column: str) -> Field:
    return Field(column, "text")


def features(
    name: str, part: Classification, column: pa.Array, known: Known
) -> dict[str, pa.Array]:
    if pa.types.is_list(column.type):  # what comes next, at every place of a list
        return {name: lists_of(_ids(column.flatten(), known), list_lengths(column))}
    return {name: one_each(_ids(column, known))}


def _ids(texts: pa.Array, known: Known) -> pa.Array:
    missing = pa.scalar(MISSING, pa.int64())
    return pc.if_else(texts.is_null(), missing, known.ids(texts))


def unknown(name: str, part: Classification, features: pa.RecordBatch, size: int) -> Which:
    return have(features.column(name), size)


def counts(name: str, part: Classification, features: pa.RecordBatch, size: int) -> dict[str, int]:
    ids = flat(features, name)
    missing = int((ids == MISSING).sum())
    unknown = int((ids == size).sum())
    return {
        "rows": len(ids),
        "missing": missing,
        "labels": len(ids) - missing,
        "out_of_vocabulary": unknown,
    }


def anomalies(part: Classification, found: Findings) -> Iterator[Anomaly]:
    labels = [count for count in found.entries if count]
    if len(labels) == 1:
        yield "ONE_CLASS", "all training rows have the same label"
    if rare := labels.count(1):
        yield "RARE_CLASS", f"{rare:,} of {len(labels):,} labels are in one training row only"
