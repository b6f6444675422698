"""A head that predicts a number on a scale, in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.scaled.spec import ScaledPart
from kinds.prepare import Known
from kinds.scaling.graph import scaled


def features(name: str, part: ScaledPart, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    return {name: column(scaled(part.scale, raw, known))}
