"""A head whose target is one number, in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.heads.numbers.spec import NumberPart
from kinds.prepare import Known


def values(part: NumberPart, raw: Any) -> Any:
    return raw


def features(name: str, part: NumberPart, values: Any, ids: Any, known: Known) -> dict[str, Any]:
    return {name: column(values)}
