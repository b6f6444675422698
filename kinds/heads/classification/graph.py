"""A classification in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.graph import with_missing
from kinds.prepare import Known


def values(part: Classification, raw: Any) -> Any:
    return raw


def features(
    name: str, part: Classification, values: Any, ids: Any, known: Known
) -> dict[str, Any]:
    return {name: column(with_missing(values, ids))}
