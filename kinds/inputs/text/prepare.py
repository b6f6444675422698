"""What prepare does with a text."""

from collections.abc import Iterator

import pyarrow as pa

from kinds.analysis import Analysis
from kinds.columns import Field
from kinds.inputs.ids.prepare import counts as counts
from kinds.inputs.ids.prepare import feature_names as feature_names
from kinds.inputs.ids.prepare import ids_of, same_everywhere, unseen
from kinds.inputs.ids.prepare import statistics as statistics
from kinds.inputs.ids.prepare import unknown as unknown
from kinds.inputs.text.spec import Text
from kinds.lists import list_lengths, lists_of
from kinds.prepare import Anomaly, Findings, Known
from kinds.word_lists import word_lists


def field(part: Text, column: str) -> Field:
    return Field(column, "passage", spaces=part.spaces(), lower=part.lower)


def analysis(part: Text, field: Field) -> Analysis:
    return Analysis(field, part.length, part.words(), vocabulary=part.vocabulary)


def features(name: str, part: Text, column: pa.Array, known: Known) -> dict[str, pa.Array]:
    lists = word_lists(part.words(), column)
    return {name: lists_of(ids_of(lists.flatten(), known), list_lengths(lists))}


def anomalies(part: Text, found: Findings) -> Iterator[Anomaly]:
    yield from same_everywhere(found)
    yield from unseen(found)
