"""A head whose target is one number, in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.numbers.spec import NumberPart
from kinds.prepare import Known


def features(name: str, part: NumberPart, raw: Any, look_up: Any, known: Known) -> dict[str, Any]:
    return {name: column(raw)}
