"""A regression in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.numbers.graph import values as values
from kinds.heads.regression.spec import Regression
from kinds.prepare import Known
from kinds.scaling.graph import scaled


def features(name: str, part: Regression, values: Any, ids: Any, known: Known) -> dict[str, Any]:
    return {name: column(scaled(part.scale, values, known))}
