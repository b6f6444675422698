"""What prepare does with a category."""

from collections.abc import Iterator

import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.inputs.category.spec import Category
from kinds.inputs.ids.prepare import counts as counts
from kinds.inputs.ids.prepare import feature_names as feature_names
from kinds.inputs.ids.prepare import ids_of, same_everywhere, unseen
from kinds.inputs.ids.prepare import statistics as statistics
from kinds.inputs.ids.prepare import unknown as unknown
from kinds.lists import one_each
from kinds.prepare import Anomaly, Findings, Known

ID_SHARE = 0.9


def field(part: Category, column: str) -> Field:
    return Field(column, "text")


def analysis(part: Category, field: Field) -> Analysis:
    return Analysis(field, vocabulary=part.vocabulary)


def features(name: str, part: Category, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    return {name: one_each(ids_of(column, known))}


def anomalies(part: Category, found: Findings) -> Iterator[Anomaly]:
    yield from same_everywhere(found)
    if found.is_alone:
        train = found.said["inputs"]["train"]
        there = round(train["values"] * (1 - train["missing"]))
        if there > 1 and found.distinct >= ID_SHARE * there:
            yield "ID", "nearly every training row has a value of its own: nothing can be learned"
    yield from unseen(found)
