"""What prepare does with a classification."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kinds.columns import Field
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.numbering import MISSING, filtered
from kinds.heads.labels.prepare import analysis as analysis
from kinds.heads.labels.prepare import statistics as statistics
from kinds.lists import have, list_lengths, lists_of, one_each
from kinds.prepare import Anomaly, Findings, Known, Which, flat


def field(part: Classification, column: str) -> Field:
    return Field(column, "text")


def feature_names(name: str, part: Classification) -> list[str]:
    return [name, *([filtered(name)] if part.filtered else [])]


def features(name: str, part: Classification, column: Any, known: Known) -> dict[str, pa.Array]:
    if part.filtered:
        targets, left_out = column
        return {**_targets(name, targets, known), filtered(name): _known(left_out, known)}
    return _targets(name, column, known)


def _known(lists: pa.Array, known: Known) -> pa.Array:
    """The ids of the labels in lists. Those that the vocabulary does not hold are never ranked."""
    ids = known.ids(pc.fill_null(lists.flatten(), "")).to_numpy()
    there = ids < len(known.values)
    owner = np.repeat(np.arange(len(lists)), list_lengths(lists))
    return lists_of(pa.array(ids[there]), np.bincount(owner[there], minlength=len(lists)))


def _targets(name: str, column: pa.Array, known: Known) -> dict[str, pa.Array]:
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
