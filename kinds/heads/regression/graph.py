"""A regression in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.regression.spec import Regression
from kinds.prepare import Known
from kinds.scaling.graph import scaled


def features(name: str, part: Regression, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    return {name: column(scaled(part.scale, raw, known))}
