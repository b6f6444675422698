"""A classification in the transform graph."""

from typing import Any

from kinds.graph import LookUp, column
from kinds.heads.classification.spec import Classification
from kinds.heads.labels.graph import ids_of
from kinds.prepare import Known


def features(
    name: str, part: Classification, raw: Any, look_up: LookUp, known: Known
) -> dict[str, Any]:
    return {name: column(ids_of(raw, look_up))}
