"""A category in the transform graph."""

from typing import Any

from kinds.graph import column
from kinds.inputs.category.spec import Category
from kinds.inputs.ids.graph import with_missing
from kinds.prepare import Known


def values(part: Category, raw: Any) -> Any:
    return raw


def features(name: str, part: Category, values: Any, ids: Any, known: Known) -> dict[str, Any]:
    return {name: column(with_missing(values, ids, known))}
