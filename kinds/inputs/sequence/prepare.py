"""What prepare does with a sequence."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.inputs.ids.prepare import counts as counts
from kinds.inputs.ids.prepare import ids_of, same_everywhere, unseen
from kinds.inputs.ids.prepare import statistics as statistics
from kinds.inputs.ids.prepare import unknown as unknown
from kinds.inputs.sequence.naming import weights_of
from kinds.inputs.sequence.spec import MOST_WEIGHT, Sequence
from kinds.lists import last, list_lengths, lists_of
from kinds.prepare import Anomaly, Findings, Known


def field(part: Sequence, column: str) -> Field:
    if column == part.weights:
        return Field(column, "vector", separator=part.separator, nonnegative=True)
    weighted_by = part.weight_separator or ""
    return Field(column, "list", separator=part.separator, weighted_by=weighted_by)


def analysis(part: Sequence, field: Field) -> Analysis:
    return Analysis(field, part.length, vocabulary=part.vocabulary)


def feature_names(name: str, part: Sequence) -> list[str]:
    return [name, weights_of(name)] if part.is_weighted else [name]


def features(name: str, part: Sequence, column: Any, known: Known) -> dict[str, pa.Array]:
    if not part.is_weighted:
        return _ids(name, part, column, known)
    values, weights = column
    lists = last(weights, part.length)
    numbers = np.minimum(lists.flatten().to_numpy(), np.float32(MOST_WEIGHT))
    counted = lists_of(pa.array(numbers, pa.float32()), list_lengths(lists))
    return _ids(name, part, values, known) | {weights_of(name): counted}


def _ids(name: str, part: Sequence, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    lists = last(column, part.length)
    return {name: lists_of(ids_of(lists.flatten(), known), list_lengths(lists))}


def anomalies(part: Sequence, found: Findings) -> Iterator[Anomaly]:
    yield from same_everywhere(found)
    yield from unseen(found)
