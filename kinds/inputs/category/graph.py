"""A category in the transform graph."""

from typing import Any

from kinds.graph import LookUp, column
from kinds.inputs.category.spec import Category
from kinds.inputs.ids.graph import ids_of
from kinds.prepare import Known


def features(name: str, part: Category, raw: Any, look_up: LookUp, known: Known) -> dict[str, Any]:
    return {name: column(ids_of(raw, look_up, known))}
